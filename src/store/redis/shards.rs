//! Asks the shards what others left behind. One server is asked for all of them at once. A cluster
//! takes no script over several slots, so each time some of its shards are asked, in turns.

use std::sync::atomic::{AtomicU8, Ordering};

use redis::Script;

use super::Redis;
use super::keys::{Names, SHARDS, ids_of};
use crate::domain::CallId;
use crate::store::StoreError;

/// Number of shards of a cluster that are asked at a time: all of them by the fourth time.
const AT_A_TIME: u8 = SHARDS / 4;

/// The shards of a cluster that are asked next.
#[derive(Debug, Default)]
pub(super) struct Round(AtomicU8);

impl Round {
    /// The next ones.
    fn next(&self) -> Vec<u8> {
        let first = self.0.fetch_add(AT_A_TIME, Ordering::SeqCst);
        (0..AT_A_TIME)
            .map(|at| first.wrapping_add(at) % SHARDS)
            .collect()
    }
}

/// A question to the shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// Its name among the figures.
    pub(super) operation: &'static str,
    /// Takes the keys of some shards, and answers ids of calls.
    pub(super) script: &'a Script,
    /// The key of a shard.
    pub(super) key: fn(&Names, u8) -> String,
    /// The further arguments of the script.
    pub(super) args: &'a [i64],
}

impl Redis {
    /// The calls that are found in the shards whose turn it is.
    pub(super) async fn ask_shards(
        &self,
        round: &Round,
        question: Question<'_>,
    ) -> Result<Vec<CallId>, StoreError> {
        if !self.link.is_cluster() {
            return self
                .ask_some(&(0..SHARDS).collect::<Vec<_>>(), question)
                .await;
        }
        let mut found = Vec::new();
        let shards = round.next();
        let answers = shards
            .iter()
            .map(|shard| self.ask_some(std::slice::from_ref(shard), question));
        for ids in futures_util::future::join_all(answers).await {
            found.extend(ids?);
        }
        Ok(found)
    }

    async fn ask_some(
        &self,
        shards: &[u8],
        question: Question<'_>,
    ) -> Result<Vec<CallId>, StoreError> {
        let Question {
            operation,
            script,
            key,
            args,
        } = question;
        let mut script = script.prepare_invoke();
        for shard in shards {
            script.key(key(&self.names, *shard));
        }
        for arg in args {
            script.arg(*arg);
        }
        let ids: Vec<Vec<u8>> = self.link.run(operation, &script).await?;
        Ok(ids_of(&ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_has_its_turn() {
        let round = Round::default();
        for _ in 0..9 {
            let mut asked: Vec<u8> = (0..SHARDS / AT_A_TIME).flat_map(|_| round.next()).collect();
            asked.sort_unstable();
            assert_eq!(asked, (0..SHARDS).collect::<Vec<_>>());
        }
    }
}
