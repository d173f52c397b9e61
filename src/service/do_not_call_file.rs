//! The file of numbers that are never rung: one number a line, read at start and appended to.
//!
//! An opt-out is the one thing that must outlive the process, so it is in the file, synced, before
//! the restaurant hears that it was understood.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::Phone;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error(
        "{path} cannot be read and appended to ({source}): its folder must exist, and this user must \
         be able to write there"
    )]
    Io {
        /// Where it should be.
        path: String,
        /// What the system said.
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
                // Whoever wrote the last line may have been stopped in the middle of it.
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
}

/// What is to be written.
#[derive(Debug, Default)]
struct Pending {
    phones: Vec<Phone>,
    /// Why the last try failed; `None`: it did not.
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
        })))
    }

    /// Adds a number, unless it is there, and waits until it is on the disk.
    ///
    /// # Errors
    /// It could not be written: nothing of it counts as written then, and it is kept for the next
    /// [`write_pending`](Self::write_pending).
    pub async fn append(&self, phone: Phone) -> io::Result<()> {
        self.0.add(phone);
        self.write_pending().await
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

    /// How many numbers are not in the file yet, and why; `None`: all are.
    #[must_use]
    pub fn behind(&self) -> Option<(usize, String)> {
        let pending = self.0.pending();
        let problem = pending.problem.clone()?;
        Some((pending.phones.len(), problem))
    }

    /// Waits until a number could not be written.
    pub async fn refused(&self) {
        self.0.refused.notified().await;
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, phone: Phone) {
        let phones = &mut self.pending().phones;
        if !phones.contains(&phone) {
            phones.push(phone);
        }
    }

    fn write_pending(&self) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let Some(phone) = self.pending().phones.first().copied() else {
                return Ok(());
            };
            let written = append(&self.path, phone);
            let mut pending = self.pending();
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

fn append(path: &Path, phone: Phone) -> io::Result<()> {
    // A line that somebody garbled in the meantime must not keep a new number out.
    if read(path).is_ok_and(|known| known.contains(&phone)) {
        return Ok(());
    }
    let mut file = open(path)?;
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
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &[u8]) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    fn number(text: &str) -> Phone {
        Phone::from_e164(text).unwrap()
    }

    #[test]
    fn numbers_stand_one_a_line_with_remarks() {
        let path = file(b"# asked by letter\n+14155550101\n\n +4930123456 # key 9\r\n");
        assert_eq!(
            read(path.path()).unwrap(),
            [number("+14155550101"), number("+4930123456")]
        );
        assert_eq!(read(Path::new("/nonexistent/file")).unwrap(), []);
        let marked = file(b"\xef\xbb\xbf+14155550101\n");
        assert_eq!(read(marked.path()).unwrap(), [number("+14155550101")]);
    }

    #[test]
    fn a_garbled_line_is_named() {
        for text in [
            &b"+14155550101\n+1415\n"[..],
            b"\nhello",
            b"+14155550101\n\xff\n",
        ] {
            let error = read(file(text).path()).unwrap_err();
            assert!(matches!(error, FileError::Line(2)), "{error}");
        }
        assert!(matches!(
            read(&std::env::temp_dir()),
            Err(FileError::Io { .. })
        ));
    }

    #[test]
    fn a_number_that_no_plan_knows_is_kept_unless_its_line_may_be_cut_off() {
        // An unassigned calling code, and a length that German numbers do not have any more.
        for unknown in ["+99912345678", "+493012"] {
            let whole = file(format!("{unknown}\n+14155550101\n").as_bytes());
            assert_eq!(
                read(whole.path()).unwrap(),
                [number(unknown), number("+14155550101")]
            );
            let ended = file(format!("{unknown}\n").as_bytes());
            assert_eq!(read(ended.path()).unwrap(), [number(unknown)]);
        }
        let open = file(b"+14155550101\n+1415555");
        let error = read(open.path()).unwrap_err();
        assert!(matches!(error, FileError::CutOff(2)), "{error}");
    }

    #[tokio::test]
    async fn each_number_is_written_once_on_a_line_of_its_own() {
        let path = file(b"+14155550101");
        let list = DoNotCallFile::open(path.path()).unwrap();
        for text in [
            "+14155550101",
            "+14155550102",
            "+14155550102",
            "+14155550103",
        ] {
            list.append(number(text)).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "+14155550101\n+14155550102\n+14155550103\n");
        assert_eq!(read(path.path()).unwrap().len(), 3);
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list").join("numbers.txt");
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        let list = DoNotCallFile::open(&path).unwrap();
        assert_eq!(list.behind(), None);

        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        for text in ["+14155550101", "+14155550102", "+14155550101"] {
            assert!(list.append(number(text)).await.is_err());
        }
        list.refused().await;
        assert_eq!(list.behind().unwrap().0, 2);

        std::fs::create_dir(path.parent().unwrap()).unwrap();
        list.write_pending().await.unwrap();
        assert_eq!(list.behind(), None);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "+14155550101\n+14155550102\n");
    }

    #[tokio::test]
    async fn a_file_that_was_replaced_gets_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.txt");
        let list = DoNotCallFile::open(&path).unwrap();
        list.append(number("+14155550101")).await.unwrap();

        let edited = folder.path().join("edited");
        std::fs::write(&edited, "# edited\n").unwrap();
        std::fs::rename(&edited, &path).unwrap();
        for text in ["+14155550102", "+14155550101"] {
            list.append(number(text)).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "# edited\n+14155550102\n+14155550101\n");
    }

    #[test]
    fn a_look_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.txt");
        check(&path).unwrap();
        assert!(!path.exists());

        std::fs::write(&path, "+14155550100\n").unwrap();
        check(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "+14155550100\n");

        let nowhere = folder.path().join("nowhere").join("numbers.txt");
        let said = check(&nowhere).unwrap_err().to_string();
        assert!(
            said.contains("nowhere/numbers.txt cannot be read and appended to"),
            "{said}"
        );
    }
}
