//! The file of numbers that are never rung: one number a line, read at start and appended to.
//!
//! An opt-out is the one thing that must outlive the process, so it is in the file, synced, before
//! the restaurant hears that it was understood.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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
/// A number that today's numbering plan does not know is kept: its people asked for it under the plan
/// of then.
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

/// The file, open for what is to come.
#[derive(Clone, Debug)]
pub struct DoNotCallFile(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    file: File,
    known: HashSet<Phone>,
    path: PathBuf,
}

impl DoNotCallFile {
    /// Opens the file for appending; makes it if it is not there.
    ///
    /// # Errors
    /// It cannot be read, made or written.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let known = read(path)?.into_iter().collect();
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|source| FileError::io(path, source))?;
        Ok(Self(Arc::new(Mutex::new(Inner {
            file,
            known,
            path: path.to_owned(),
        }))))
    }

    /// Adds a number, unless it is there, and waits until it is on the disk.
    ///
    /// # Errors
    /// It could not be written: nothing of it counts as written then.
    pub async fn append(&self, phone: Phone) -> io::Result<()> {
        let inner = self.0.clone();
        let write = move || {
            inner
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .append(phone)
        };
        tokio::task::spawn_blocking(write)
            .await
            .map_err(io::Error::other)?
    }
}

impl Inner {
    fn append(&mut self, phone: Phone) -> io::Result<()> {
        if self.known.contains(&phone) {
            return Ok(());
        }
        // Somebody may have edited the file and left its last line open.
        let open = std::fs::read(&self.path)?
            .last()
            .is_some_and(|byte| *byte != b'\n');
        let line = format!("{}{phone}\n", if open { "\n" } else { "" });
        let length = self.file.metadata()?.len();
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line, of a full disk for instance, must not pass for a number.
            self.file.set_len(length)?;
            return Err(error);
        }
        let _new = self.known.insert(phone);
        Ok(())
    }
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
        // A calling code that nobody has, and a length that German numbers do not have any more.
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
