//! The file of numbers as it is read, appended to and edited by others.

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

#[tokio::test]
async fn a_wish_that_was_taken_back_leaves_the_others_alone() {
    let path = file(b"+14155550101\n");
    let list = DoNotCallFile::open(path.path()).unwrap();
    let text = || std::fs::read_to_string(path.path()).unwrap();
    let call = |nth| CallId::from_bytes([nth; 16]);

    // A number that was there before is none of this call's.
    list.append_doubtful(call(1), number("+14155550101"))
        .await
        .unwrap();
    list.take_back(call(1)).await.unwrap();
    assert_eq!(text(), "+14155550101\n");

    list.append_doubtful(call(2), number("+14155550102"))
        .await
        .unwrap();
    list.append_doubtful(call(2), number("+14155550102"))
        .await
        .unwrap();
    assert_eq!(text(), "+14155550101\n+14155550102\n");
    list.take_back(call(3)).await.unwrap();
    assert_eq!(text(), "+14155550101\n+14155550102\n", "another call");
    list.take_back(call(2)).await.unwrap();
    assert_eq!(text(), "+14155550101\n");

    // Another line came after it.
    list.append_doubtful(call(4), number("+14155550103"))
        .await
        .unwrap();
    list.append(number("+14155550104")).await.unwrap();
    list.take_back(call(4)).await.unwrap();
    assert_eq!(text(), "+14155550101\n############\n+14155550104\n");

    // What is certain cannot be taken back.
    list.append_doubtful(call(5), number("+14155550105"))
        .await
        .unwrap();
    list.append(number("+14155550105")).await.unwrap();
    list.take_back(call(5)).await.unwrap();
    assert!(text().ends_with("+14155550105\n"));
    assert_eq!(read(path.path()).unwrap().len(), 3);
}

#[tokio::test]
async fn a_wish_that_was_taken_back_before_it_could_be_written_is_not_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list").join("numbers.txt");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    let list = DoNotCallFile::open(&path).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let call = CallId::from_bytes([1; 16]);
    let phone = number("+14155550101");
    assert!(list.append_doubtful(call, phone).await.is_err());
    assert!(list.take_back(call).await.is_err(), "nothing is there");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    list.write_pending().await.unwrap();
    assert_eq!(list.behind(), None);
    assert!(!path.exists());
}
