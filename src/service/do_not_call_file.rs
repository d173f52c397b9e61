//! The file of numbers that are never rung: one number a line, read at start and appended to.
//!
//! An opt-out is the one thing that must outlive the process, so it is in the file, synced, before
//! the restaurant hears anything more: while staff are still asked whether they meant it, too. A
//! wish that is taken back is removed again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::domain::{CallId, Phone};

/// Reason for which the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error(
        "{path} cannot be read and appended to ({source}): its folder must exist, and this user must \
         be able to write there"
    )]
    Io {
        /// Its configured path.
        path: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A line is no number.
    #[error("line {0} is no number such as +14155550100")]
    Line(usize),
    /// The last line ends without a line break and may be the beginning of a number.
    #[error(
        "line {0} may be cut off: it has no end, and no number is as long as this one; complete it, \
         or end the line"
    )]
    CutOff(usize),
}

impl FileError {
    fn io(path: &Path, source: io::Error) -> Self {
        let path = path.display().to_string();
        Self::Io { path, source }
    }
}

/// Looks whether the file can be appended to, and leaves everything as it was.
///
/// # Errors
/// It cannot be read, made or written.
pub fn check(path: &Path) -> Result<(), FileError> {
    let is_there = path.exists();
    drop(DoNotCallFile::open(path)?);
    if is_there {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(|source| FileError::io(path, source))
}

/// Reads the file: one E.164 number a line; empty lines and what follows a `#` do not count. A file
/// that is not there yet has no numbers.
///
/// A number that today's numbering plan does not know is kept: its people asked for it under the
/// plan of then.
///
/// # Errors
/// It cannot be read, or a line is no number: a wish may be lost there, so nothing is rung until
/// somebody has looked.
pub fn read(path: &Path) -> Result<Vec<Phone>, FileError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError::io(path, source)),
    };
    // Some editors begin a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut numbers = Vec::new();
    let mut lines = bytes.split(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let wrong = || FileError::Line(at + 1);
        let line = str::from_utf8(line).map_err(|_| wrong())?;
        let number = line.split('#').next().unwrap_or_default().trim();
        if number.is_empty() {
            continue;
        }
        let phone = match Phone::read_aloud(number, None) {
            Ok(written) => written.phone,
            Err(_) => {
                let phone = Phone::read_without_plan(number).ok_or_else(wrong)?;
                // The writer of the last line may have been stopped in the middle of it.
                let is_cut_off = lines.peek().is_none();
                if is_cut_off {
                    return Err(FileError::CutOff(at + 1));
                }
                phone
            }
        };
        numbers.push(phone);
    }
    Ok(numbers)
}

/// The file, and the numbers that it could not take yet.
#[derive(Clone, Debug)]
pub struct DoNotCallFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Held while the file is written.
    writing: Mutex<()>,
    pending: Mutex<Pending>,
    refused: Notify,
    /// Numbers that were added for a wish which can still be taken back in this call.
    doubtful: Mutex<HashMap<CallId, Phone>>,
}

/// The changes that are still to be written.
#[derive(Debug, Default)]
struct Pending {
    phones: Vec<Phone>,
    /// Reason of the failure of the last try; `None`: it did not fail.
    problem: Option<String>,
}

impl DoNotCallFile {
    /// The file at `path`; makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be read, made or written.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let _numbers = read(path)?;
        let _file = open(path).map_err(|source| FileError::io(path, source))?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            writing: Mutex::default(),
            pending: Mutex::default(),
            refused: Notify::new(),
            doubtful: Mutex::default(),
        })))
    }

    /// Adds a number, unless it is there, and waits until it is on the disk.
    ///
    /// # Errors
    /// It could not be written: nothing of it counts as written then, and it is kept for the next
    /// [`write_pending`](Self::write_pending).
    pub async fn append(&self, phone: Phone) -> io::Result<()> {
        self.0
            .doubtful
            .lock()
            .retain(|_, doubtful| *doubtful != phone);
        self.0.add(phone);
        self.write_pending().await
    }

    /// Adds a number for a wish that can still be [taken back](Self::take_back) in the call `id`.
    /// Repeated for one call, it does nothing.
    ///
    /// # Errors
    /// As for [`Self::append`].
    pub async fn append_doubtful(&self, id: CallId, phone: Phone) -> io::Result<()> {
        if self.0.doubtful.lock().contains_key(&id) {
            return Ok(());
        }
        let inner = self.0.clone();
        let is_known = tokio::task::spawn_blocking(move || {
            read(&inner.path).is_ok_and(|known| known.contains(&phone))
        });
        if is_known.await.map_err(io::Error::other)? {
            return Ok(());
        }
        self.0.doubtful.lock().insert(id, phone);
        self.0.add(phone);
        self.write_pending().await
    }

    /// Removes the number that the call `id` added by [`Self::append_doubtful`], if it did.
    ///
    /// # Errors
    /// The file cannot be changed: the number stays in it.
    pub async fn take_back(&self, id: CallId) -> io::Result<()> {
        let Some(phone) = self.0.doubtful.lock().remove(&id) else {
            return Ok(());
        };
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || inner.take_back(phone))
            .await
            .map_err(io::Error::other)?
    }

    /// Writes the numbers that are not in the file yet, and waits until they are on the disk.
    ///
    /// # Errors
    /// The first that could not be written; it and those after it are kept.
    pub async fn write_pending(&self) -> io::Result<()> {
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || inner.write_pending())
            .await
            .map_err(io::Error::other)?
    }

    /// Number of phone numbers that are not in the file yet, and the reason; `None`: all are in it.
    #[must_use]
    pub fn behind(&self) -> Option<(usize, String)> {
        let pending = self.0.pending.lock();
        let problem = pending.problem.clone()?;
        Some((pending.phones.len(), problem))
    }

    /// Waits until a number could not be written.
    pub async fn refused(&self) {
        self.0.refused.notified().await;
    }
}

impl Inner {
    fn take_back(&self, phone: Phone) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock();
        self.pending
            .lock()
            .phones
            .retain(|waiting| *waiting != phone);
        remove(&self.path, phone)
    }

    fn add(&self, phone: Phone) {
        let phones = &mut self.pending.lock().phones;
        if !phones.contains(&phone) {
            phones.push(phone);
        }
    }

    fn write_pending(&self) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock();
        loop {
            let mut pending = self.pending.lock();
            let Some(phone) = pending.phones.first().copied() else {
                pending.problem = None;
                return Ok(());
            };
            drop(pending);
            let written = append(&self.path, phone);
            let mut pending = self.pending.lock();
            match written {
                Ok(()) => {
                    pending.phones.retain(|waiting| *waiting != phone);
                    pending.problem = None;
                }
                Err(error) => {
                    pending.problem = Some(error.to_string());
                    self.refused.notify_one();
                    return Err(error);
                }
            }
        }
    }
}

/// Opened anew for each number: an editor or a copy puts another file in its place, and what is
/// written to the old one is lost.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Holds the file against other instances on this machine, where its file system can do that.
fn hold(file: &File) {
    if let Err(error) = file.lock() {
        tracing::debug!(%error, "TABLECALL_DO_NOT_CALL_FILE cannot be locked");
    }
}

/// Removes the last line that holds nothing but this number. Lines after it stay where they are,
/// because others may append at this moment: in that case the line becomes a remark.
fn remove(path: &Path, phone: Phone) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    hold(&file);
    let bytes = std::fs::read(path)?;
    let line = format!("{phone}\n").into_bytes();
    let begins_line = |at: usize| at == 0 || bytes.get(at - 1) == Some(&b'\n');
    let is_here = |at: &usize| bytes.get(*at..*at + line.len()) == Some(&line[..]);
    let Some(at) = (0..bytes.len())
        .rev()
        .find(|at| begins_line(*at) && is_here(at))
    else {
        return Ok(());
    };
    if at + line.len() == bytes.len() {
        file.set_len(at as u64)?;
    } else {
        file.seek(SeekFrom::Start(at as u64))?;
        file.write_all(&vec![b'#'; line.len() - 1])?;
    }
    file.sync_data()
}

fn append(path: &Path, phone: Phone) -> io::Result<()> {
    // A line that somebody garbled in the meantime must not keep a new number out.
    if read(path).is_ok_and(|known| known.contains(&phone)) {
        return Ok(());
    }
    let mut file = open(path)?;
    hold(&file);
    // Somebody may have edited the file and left its last line open.
    let is_open = std::fs::read(path)?
        .last()
        .is_some_and(|byte| *byte != b'\n');
    let line = format!("{}{phone}\n", if is_open { "\n" } else { "" });
    let length = file.metadata()?.len();
    let written = file
        .write_all(line.as_bytes())
        .and_then(|()| file.sync_data());
    if let Err(error) = written {
        // Half a line, of a full disk for instance, must not pass for a number.
        file.set_len(length)?;
        return Err(error);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
