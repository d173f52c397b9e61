//! Counts of the open calls of all instances together, by their state. Each instance counts the
//! calls that it saved last.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use crate::store::{CallCounts, StoreError};

/// Age at which the counts of an instance are dropped: it has ended, since it is not scraped any
/// more.
const CURRENT: SignedDuration = SignedDuration::from_mins(2);

impl Redis {
    pub(super) async fn counts_of_all(
        &self,
        own: &CallCounts,
        now: Timestamp,
    ) -> Result<CallCounts, StoreError> {
        let time = |at: Timestamp| {
            u64::try_from(at.as_millisecond())
                .unwrap_or_default()
                .to_be_bytes()
        };
        let counts =
            postcard::to_extend(own, time(now).to_vec()).map_err(|_| StoreError::Unreadable)?;
        let since = time(now.saturating_sub(CURRENT).unwrap_or(now));
        let mut script = self.scripts.call_counts.prepare_invoke();
        script
            .key(self.names.global("census"))
            .arg(&self.instance)
            .arg(counts)
            .arg(&since);
        script.arg(CURRENT.as_millis().to_string());
        let all: Vec<Vec<u8>> = self.link.run("other", &script).await?;
        let mut sum = CallCounts::default();
        // Another version of this program may count otherwise: its counts are left out.
        all.iter()
            .filter_map(|counts| postcard::from_bytes(counts.get(8..)?).ok())
            .for_each(|one| sum.add(&one));
        Ok(sum)
    }
}
