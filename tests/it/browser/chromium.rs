//! Starts chromedriver and Chromium for one test and takes both away again, also when the test
//! fails.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::webdriver::{Client, PATIENCE};

/// Nothing but this machine can be reached, and nothing is fetched behind the page's back.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// The features that a browser lacks.
#[derive(Clone, Debug)]
pub(crate) struct Lacking {
    /// Switches of the program.
    pub(crate) args: &'static [&'static str],
    /// Settings of the profile.
    pub(crate) prefs: Value,
}

impl Default for Lacking {
    /// Nothing.
    fn default() -> Self {
        Self {
            args: &[],
            prefs: json!({}),
        }
    }
}

/// A running browser with one tab.
pub(crate) struct Chromium {
    pub(crate) client: Client,
    driver: Child,
    port: u16,
    session: String,
    /// Whatever the driver and the browser write: the profile, and what they forget in the system's
    /// folder otherwise.
    _folder: TempDir,
}

impl Chromium {
    /// A browser that knows nothing yet, for somebody who reads `language`.
    pub(crate) async fn start(language: &str, lacking: &Lacking) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (driver, port) = (0..5)
            .find_map(|_| driver(folder.path()))
            .expect("chromedriver finds a free port");
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
        arguments.push(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ));
        arguments.extend(lacking.args.iter().map(ToString::to_string));
        let mut prefs = lacking.prefs.clone();
        prefs["intl.accept_languages"] = language.into();
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments, "prefs": prefs},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            // The driver waits for elements that are to come.
            "timeouts": {"script": 60_000, "pageLoad": 60_000, "implicit": PATIENCE.as_millis()},
        });
        let client = Client::connect(&format!("http://127.0.0.1:{port}"), capabilities)
            .await
            .expect("Chromium starts");
        let session = client.session().to_owned();
        Self {
            client,
            driver,
            port,
            session,
            _folder: folder,
        }
    }
}

/// chromedriver and the port it chose. It wants the same port in IPv4 and IPv6, and ends where
/// another program has one of the two: then there is none.
fn driver(folder: &Path) -> Option<(Child, u16)> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver is installed (Debian: chromium-driver); scripts/test sees to it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let told = lines.find_map(|line| {
        line.ok()?
            .split_once("successfully on port ")
            .map(|(_, port)| port.to_owned())
    });
    let Some(port) = told else {
        let _ended = (driver.kill(), driver.wait());
        return None;
    };
    // Read to its end, lest it blocks.
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port.trim_end_matches('.').parse().unwrap()))
}

impl Drop for Chromium {
    /// Ends the session first, which ends the browser; then the driver. A failed test comes here
    /// too.
    fn drop(&mut self) {
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
            self.session
        );
        if let Ok(mut driver) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _sent = driver.write_all(request.as_bytes());
            let _answered = driver.read(&mut [0; 64]);
        }
        let _killed = self.driver.kill();
        let _waited = self.driver.wait();
    }
}
