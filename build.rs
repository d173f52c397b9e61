//! Puts the files of the pages into the binary: everything under `web/`, each as it is and
//! compressed. It also notes the commit. It must not reach any network.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script by its environment where it is"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    commit(&root);
    let mut files = BTreeMap::new();
    web(&root.join("web"), "", &mut files)?;
    worker(&mut files)?;
    documents(&root.join("openapi"), &mut files)?;
    let form = String::from_utf8(files.get("/").ok_or("there is no web/index.html")?.clone())?;
    let (open, keyed) = (
        variant(&form, "open", "keyed")?,
        variant(&form, "keyed", "open")?,
    );
    for (path, form, on, off) in [
        ("/", &open, "simulator", "account"),
        (KEYED, &keyed, "account", "simulator"),
        (KEYED_SIMULATOR, &keyed, "simulator", "account"),
    ] {
        let form = variant(form, on, off)?;
        for (suffix, on, off) in [("", "many", "one"), (ONE, "one", "many")] {
            files.insert(
                format!("{path}{suffix}"),
                variant(&form, on, off)?.into_bytes(),
            );
        }
    }
    table(&out, &files)
}

/// `TABLECALL_COMMIT`: the commit that is built, or `unknown` outside of a repository.
///
/// Where a build has no repository (an image), the variable of the same name may say it.
#[expect(
    clippy::disallowed_methods,
    reason = "read when it is built, never when it runs"
)]
fn commit(root: &Path) {
    println!("cargo::rerun-if-env-changed=TABLECALL_COMMIT");
    let told = std::env::var("TABLECALL_COMMIT")
        .ok()
        .filter(|told| !told.is_empty());
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(root)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    // Only a repository of our own counts, not one that the sources happen to have been unpacked
    // in.
    let own = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    let commit = if own {
        git(&["rev-parse", "--short=12", "HEAD"])
    } else {
        None
    };
    let commit = told.or(commit).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TABLECALL_COMMIT={commit}");
    if !own {
        return;
    }
    // HEAD changes with the branch, its log and the branch's file with each commit. A path that
    // does not exist would make every build run this again.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
        if let Some(path) = git(&["rev-parse", "--git-path", name])
            .map(|path| root.join(path))
            .filter(|path| path.exists())
        {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}

/// All files under `folder`, by the path they are served at.
fn web(
    folder: &Path,
    at: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is not UTF-8", name.display()))?;
        let (path, served) = (entry.path(), format!("{at}/{name}"));
        if name.starts_with('.') {
            continue;
        } else if entry.file_type()?.is_dir() {
            web(&path, &served, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            files.insert(page(served), fs::read(path)?);
        }
    }
    Ok(())
}

/// Where the form of a deployment that needs keys is found; no address has a space in it.
const KEYED: &str = "/ keyed";
/// The same where the carrier is simulated.
const KEYED_SIMULATOR: &str = "/ keyed simulator";

/// What follows the path of each of these where the service calls one restaurant alone.
const ONE: &str = " one";

/// A page as it is where `on` holds and `off` does not: marked parts of it stay or go.
fn variant(page: &str, on: &str, off: &str) -> Result<String, Box<dyn Error>> {
    let mut page = page
        .replace(&format!("<!--{on}-->"), "")
        .replace(&format!("<!--/{on}-->"), "");
    let (begin, end) = (format!("<!--{off}-->"), format!("<!--/{off}-->"));
    while let Some(from) = page.find(&begin) {
        let length = page[from..].find(&end).ok_or("a marked part has no end")? + end.len();
        page.replace_range(from..from + length, "");
    }
    Ok(page)
}

/// The description of the API in both forms, as it is committed; a test holds it to what the program
/// makes.
fn documents(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    for form in ["json", "yaml"] {
        let path = folder.join(format!("tablecall.{form}"));
        println!("cargo::rerun-if-changed={}", path.display());
        files.insert(format!("/openapi.{form}"), fs::read(path)?);
    }
    Ok(())
}

/// Tells the service worker which files are the app's, and their version: the hash of all of them,
/// so that a new one is noticed exactly when one of them has changed.
fn worker(files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    const WORKER: &str = "/sw.js";
    let own = |path: &&String| {
        let others = ["/docs", "/simulator", "/nothing", "/plain.css"]
            .iter()
            .any(|page| path.starts_with(page));
        // What only an installation or a notification asks for would weigh more than all that the app needs to run.
        let rare = path.starts_with("/icons/") && *path != "/icons/icon.svg";
        !others && !rare && !path.ends_with(".txt") && *path != WORKER
    };
    let names: Vec<&str> = files.keys().filter(own).map(String::as_str).collect();
    let mut digest = Sha256::new();
    for name in &names {
        digest.update(Sha256::digest(name));
        digest.update(Sha256::digest(&files[*name]));
    }
    let version = digest
        .finalize()
        .iter()
        .take(8)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let code = files.get(WORKER).ok_or("there is no web/sw.js")?;
    let code = String::from_utf8(code.clone())?.replace("@VERSION@", &version);
    let code = code.replace("[\"@FILES@\"]", &format!("{names:?}"));
    files.insert(WORKER.to_owned(), code.into_bytes());
    Ok(())
}

/// A page is served without its extension, an index at its folder.
fn page(served: String) -> String {
    let Some(page) = served.strip_suffix(".html") else {
        return served;
    };
    match page.strip_suffix("/index") {
        Some("") => "/".to_owned(),
        Some(folder) => folder.to_owned(),
        None => page.to_owned(),
    }
}

/// Writes `assets.rs`: one array, sorted by path, included by `http/assets.rs`.
fn table(out: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Box<dyn Error>> {
    let folder = out.join("assets");
    fs::create_dir_all(&folder)?;
    let mut code = String::from("&[\n");
    for (path, bytes) in files {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let name = digest
            .iter()
            .fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
        let (plain, gzip) = (folder.join(&name), folder.join(format!("{name}.gz")));
        // Named after its content, so what is there already is right; compressing takes seconds
        // without optimisation.
        if !gzip.exists() {
            fs::write(&plain, bytes)?;
            replace(&gzip, &compressed(bytes)?)?;
        }
        let smaller = fs::metadata(&gzip)?.len() < bytes.len() as u64;
        let gzip = if smaller {
            format!("Some(include_bytes!({gzip:?}))")
        } else {
            "None".to_owned()
        };
        let etag = &name[..32];
        let kind = content_type(path, bytes)?;
        writeln!(
            code,
            "    Asset {{ path: {path:?}, content_type: {kind:?}, plain: include_bytes!({plain:?}), \
             gzip: {gzip}, etag: \"\\\"{etag}\\\"\", etag_gzip: \"\\\"{etag}-gzip\\\"\" }},"
        )?;
    }
    code.push(']');
    replace(&out.join("assets.rs"), code.as_bytes())
}

/// Writes a file as a whole or not at all: a build may be stopped at any moment.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let part = path.with_extension("part");
    fs::write(&part, bytes)?;
    Ok(fs::rename(part, path)?)
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn content_type(path: &str, bytes: &[u8]) -> Result<&'static str, String> {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    Ok(match extension {
        "" if bytes.starts_with(b"<!doctype html>") => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" if path == "/openapi.json" => "application/json",
        "json" => "application/json; charset=utf-8",
        "yaml" => "application/yaml",
        "webmanifest" => "application/manifest+json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        _ => return Err(format!("{path}: what type is a .{extension}?")),
    })
}
