//! Static files: sites that need no upstream, and mirrors of those that have one. What lies outside
//! the directory can't be named: the kernel resolves each path below it (`openat2`).

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
};
use hyper::{Method, Request, Response, StatusCode};
use policy::Reason;
use policy::config::Files;
use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::body::{Answer, Pieces};
use crate::refuse::Refused;

/// Files up to this are read at once.
const WHOLE_BYTES: u64 = 64 << 10;

/// What there is at a path.
enum Found {
    File(Opened),
    /// A directory that was asked for without its slash.
    Elsewhere,
    Nothing,
}

struct Opened {
    file: File,
    size: u64,
    modified_s: i64,
    tag: String,
    name: String,
}

/// Answers from a directory. `base` is where relative directories begin.
///
/// # Errors
/// With the reason why not.
pub(crate) async fn answer<B>(
    base: &Path,
    files: &Files,
    request: &Request<B>,
) -> Result<Response<Answer>, Refused> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refused::new(Reason::MethodNotAllowed).allowing("GET, HEAD"));
    }
    let Some(path) = decoded(request.uri().path()) else {
        return Err(Refused::new(Reason::PathAmbiguous));
    };
    let directory = base.join(&files.directory);
    let (index, not_found) = (files.index.clone(), files.not_found.clone());
    let slash = path.ends_with('/');
    let found = tokio::task::spawn_blocking(move || {
        let found = open(&directory, &path, &index);
        match (found, not_found) {
            (Found::Nothing, Some(instead)) => (open(&directory, &instead, &index), true),
            (found, _) => (found, false),
        }
    });
    match found.await {
        Ok((Found::File(file), missing)) => serve(request, file, missing).await,
        Ok((Found::Elsewhere, _)) if !slash => elsewhere(request.uri().path()),
        _ => Err(Refused::new(Reason::RouteUnknown)),
    }
}

/// The path without escapes, relative; none if it holds what no file's name may.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.trim_start_matches('/').as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        rest = tail;
        let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if byte == b'/' || byte == 0 {
            return None;
        }
        bytes.push(byte);
    }
    let path = String::from_utf8(bytes).ok()?;
    // Files that begin with a dot are nobody's to see.
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    (!hidden).then_some(path)
}

fn open(directory: &Path, path: &str, index: &str) -> Found {
    let inside = |name: &str| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let root = rustix::fs::open(directory, flags | OFlags::DIRECTORY, Mode::empty())?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(root, name, flags, Mode::empty(), resolve)
    };
    let name = path.trim_end_matches('/');
    let Ok(opened) = inside(if name.is_empty() { "." } else { name }) else {
        return Found::Nothing;
    };
    let file = File::from(opened);
    let Ok(metadata) = file.metadata() else {
        return Found::Nothing;
    };
    if metadata.is_file() && !path.ends_with('/') {
        return Found::File(described(file, &metadata, name));
    }
    if !metadata.is_dir() {
        return Found::Nothing;
    }
    if !path.ends_with('/') && !path.is_empty() {
        return Found::Elsewhere;
    }
    let below = if name.is_empty() {
        index.to_owned()
    } else {
        format!("{name}/{index}")
    };
    let Ok(opened) = inside(&below) else {
        return Found::Nothing;
    };
    let file = File::from(opened);
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Found::File(described(file, &metadata, &below)),
        _ => Found::Nothing,
    }
}

fn described(file: File, metadata: &std::fs::Metadata, name: &str) -> Opened {
    let (size, modified_s) = (metadata.len(), metadata.mtime());
    let tag = format!(
        "\"{:x}-{:x}-{size:x}\"",
        metadata.mtime(),
        metadata.mtime_nsec()
    );
    Opened {
        file,
        size,
        modified_s,
        tag,
        name: name.to_owned(),
    }
}

fn elsewhere(path: &str) -> Result<Response<Answer>, Refused> {
    let mut answer = Response::new(Answer::empty());
    *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
    // Two slashes would begin the name of a host (RFC 3986, 4.2).
    let to = HeaderValue::try_from(format!("/{}/", path.trim_start_matches('/')));
    answer.headers_mut().insert(
        LOCATION,
        to.map_err(|_| Refused::new(Reason::TargetMalformed))?,
    );
    Ok(answer)
}

async fn serve<B>(
    request: &Request<B>,
    opened: Opened,
    missing: bool,
) -> Result<Response<Answer>, Refused> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(&opened.name)));
    let mut answer = Response::new(Answer::empty());
    if !missing {
        if let Ok(tag) = HeaderValue::from_str(&opened.tag) {
            headers.insert(ETAG, tag);
        }
        let modified = std::time::UNIX_EPOCH
            + std::time::Duration::from_secs(u64::try_from(opened.modified_s).unwrap_or(0));
        if let Ok(modified) = HeaderValue::from_str(&httpdate::fmt_http_date(modified)) {
            headers.insert(LAST_MODIFIED, modified);
        }
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if matches_tag(request.headers(), &opened.tag) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            *answer.headers_mut() = headers;
            return Ok(answer);
        }
    }
    let range = (!missing)
        .then(|| range(request.headers(), &opened))
        .flatten();
    let (first, length) = match range {
        None => (0, opened.size),
        Some(Ok((first, last))) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            let text = format!("bytes {first}-{last}/{}", opened.size);
            if let Ok(text) = HeaderValue::try_from(text) {
                headers.insert(CONTENT_RANGE, text);
            }
            (first, last - first + 1)
        }
        Some(Err(())) => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            if let Ok(text) = HeaderValue::try_from(format!("bytes */{}", opened.size)) {
                headers.insert(CONTENT_RANGE, text);
            }
            *answer.headers_mut() = headers;
            return Ok(answer);
        }
    };
    if missing {
        *answer.status_mut() = StatusCode::NOT_FOUND;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    *answer.headers_mut() = headers;
    if request.method() != Method::HEAD {
        *answer.body_mut() = content(opened.file, first, length).await?;
    }
    Ok(answer)
}

/// RFC 9110, 13.1.2.
fn matches_tag(headers: &HeaderMap, tag: &str) -> bool {
    let Some(list) = headers
        .get(IF_NONE_MATCH)
        .and_then(|list| list.to_str().ok())
    else {
        return false;
    };
    list.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// One range (RFC 9110, 14.2); several are answered as none. Err: it lies outside.
fn range(headers: &HeaderMap, opened: &Opened) -> Option<Result<(u64, u64), ()>> {
    let text = headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    if headers
        .get(IF_RANGE)
        .is_some_and(|tag| tag.as_bytes() != opened.tag.as_bytes())
    {
        return None;
    }
    let (first, last) = text.split_once('-')?;
    let size = opened.size;
    let span = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(size.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            (size.saturating_sub(count), size.saturating_sub(1))
        }
        _ => return None,
    };
    Some(if span.0 < size { Ok(span) } else { Err(()) })
}

async fn content(mut file: File, first: u64, length: u64) -> Result<Answer, Refused> {
    let read = move || -> std::io::Result<(File, Option<Vec<u8>>)> {
        use std::io::Seek as _;
        file.seek(std::io::SeekFrom::Start(first))?;
        if length > WHOLE_BYTES {
            return Ok((file, None));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        (&mut file).take(length).read_to_end(&mut bytes)?;
        Ok((file, Some(bytes)))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok((_, Some(bytes)))) => Ok(Answer::whole(bytes)),
        Ok(Ok((file, None))) => Ok(Answer::file(Pieces::new(file, length))),
        _ => Err(Refused::new(Reason::UpstreamBroken)),
    }
}

/// The type by the name's end. What is not known is not guessed.
fn kind(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "atom" => "application/atom+xml",
        "rss" => "application/rss+xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/vnd.microsoft.icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}
