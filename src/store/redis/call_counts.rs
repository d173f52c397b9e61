//! How many calls stand where, all instances together. Each counts the open calls that it saved
//! last; finished ones are not counted.

use jiff::{SignedDuration, Timestamp};

use super::Redis;
use crate::store::{CallCounts, Error};

/// Counts of an instance that was not asked for so long are those of one that is no more.
const BELIEVED: SignedDuration = SignedDuration::from_mins(2);

impl Redis {
    pub(super) async fn census_of_all(
        &self,
        own: &CallCounts,
        now: Timestamp,
    ) -> Result<CallCounts, Error> {
        let time = |at: Timestamp| {
            u64::try_from(at.as_millisecond())
                .unwrap_or_default()
                .to_be_bytes()
        };
        let counts = postcard::to_extend(own, time(now).to_vec()).map_err(|_| Error::Unreadable)?;
        let since = time(now.saturating_sub(BELIEVED).unwrap_or(now));
        let mut script = self.scripts.call_counts.prepare_invoke();
        script
            .key(self.names.house("census"))
            .arg(&self.instance)
            .arg(counts)
            .arg(&since);
        script.arg(BELIEVED.as_millis().to_string());
        let all: Vec<Vec<u8>> = self.link.run("other", &script).await?;
        let mut sum = CallCounts::default();
        // Another version of this program may count otherwise: its counts are left out.
        all.iter()
            .filter_map(|counts| postcard::from_bytes(counts.get(8..)?).ok())
            .for_each(|one| sum.add(&one));
        Ok(sum)
    }
}
