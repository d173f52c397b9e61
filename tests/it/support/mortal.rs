//! An app in simulated time that can die as a process does: it has a thread and a runtime of its
//! own, and both end at once, with whatever was under way in them.

use clock::Clock;
use tablecall::app::App;
use tablecall::config::{Config, RawConfig};
use tokio::sync::oneshot;

use crate::app::{TestApp, within};
use crate::listeners;

/// An app that runs.
pub(crate) struct Mortal {
    pub(crate) origin: String,
    death: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Mortal {
    /// With an account at a carrier, in its time.
    pub(crate) async fn with(carrier: &str, clock: &Clock, given: RawConfig) -> Self {
        let given = TestApp::with_account(carrier, given);
        let (tell, told) = oneshot::channel();
        let (death, dead) = oneshot::channel::<()>();
        let clock = clock.clone();
        let live = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let config = Config::read(&given).expect("the settings are right");
                let listener = listeners::bound(config.listen);
                let app = App::build(listener, config, clock)
                    .await
                    .expect("the app can be built");
                tell.send(app.address()).unwrap();
                tokio::select! {
                    ended = app.run_until(std::future::pending()) => ended.unwrap(),
                    _ = dead => {}
                }
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::spawn(live);
        let address = within("it listens", told).await.unwrap();
        Self {
            origin: format!("http://{address}"),
            death,
            thread,
        }
    }

    /// It is no more, and nothing of it goes on.
    pub(crate) fn dies(self) {
        self.death.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
