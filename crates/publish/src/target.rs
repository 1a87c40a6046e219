//! Places that the site is published to.

mod bucket;
mod rsync;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::exchange::{BadUrl, Client, FILE_BYTES_MAX, Seen, Url};
use crate::spool::{put, remove};

pub use bucket::{Bucket, Credentials};
pub use rsync::Rsync;

/// How many files are read or put at once.
const AT_ONCE: usize = 8;
/// Put and read back to find out whether a bucket can be read; removed at once.
const PROBE: (&str, &[u8]) = (
    "probe.txt",
    b"hereby looks whether it can read what it puts here\n",
);

/// A place, and how readers see it.
#[derive(Clone)]
pub struct Target {
    /// What it is called.
    pub name: String,
    /// What kind of place it is.
    pub kind: Kind,
    /// Where readers see it; without, what was put is read back the way it was put.
    pub read_url: Option<Url>,
    client: Client,
    /// Whether something could be read there since this began.
    readable: Arc<AtomicBool>,
}

/// A kind of place.
#[derive(Clone)]
pub enum Kind {
    /// A directory of this machine, or one that is mounted here.
    Directory(PathBuf),
    /// A bucket of S3 or what speaks like it.
    Bucket(Box<Bucket>),
    /// Whatever the program rsync reaches.
    Rsync(Rsync),
}

/// Why something can't be a target.
#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    /// Its address is none.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// The bucket can't be spoken of so.
    #[error("the bucket: {0}")]
    Bucket(String),
    /// Its credentials can't be read.
    #[error("{path}: {reason}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It would be taken for an option.
    #[error("an rsync destination does not begin with a dash")]
    Destination,
}

impl Kind {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Kind::Directory(_) => "directory",
            Kind::Bucket(_) => "bucket",
            Kind::Rsync(_) => "rsync",
        }
    }
}

impl Target {
    /// A target. Servers are believed that `tls` believes.
    pub fn new(
        name: String,
        kind: Kind,
        read_url: Option<Url>,
        tls: Arc<rustls::ClientConfig>,
    ) -> Target {
        Target {
            name,
            kind,
            read_url,
            client: Client::new(tls),
            readable: Arc::default(),
        }
    }

    /// Puts these files there, whole: whoever reads one sees the old or the new.
    pub(crate) async fn put(&self, files: &[(String, Vec<u8>)]) -> Result<(), String> {
        if files.is_empty() {
            return Ok(());
        }
        match &self.kind {
            Kind::Directory(root) => {
                let (root, files) = (root.clone(), files.to_vec());
                blocking(move || {
                    make_last(&root)?;
                    files.iter().try_for_each(|(path, bytes)| {
                        put(&root, path, bytes).map_err(|error| format!("{path}: {error}"))
                    })
                })
                .await
            }
            Kind::Bucket(bucket) => {
                let put = |(path, bytes): &(String, Vec<u8>)| {
                    let (bucket, client) = (bucket.clone(), self.client.clone());
                    let (path, bytes) = (path.clone(), bytes.clone());
                    async move { bucket.put(&client, &path, bytes).await }
                };
                at_once(files.iter().map(put)).await.map(drop)
            }
            Kind::Rsync(rsync) => rsync.put(files).await,
        }
    }

    /// Removes these files; they may be gone.
    pub(crate) async fn remove(&self, paths: &[String]) -> Result<(), String> {
        if paths.is_empty() {
            return Ok(());
        }
        match &self.kind {
            Kind::Directory(root) => {
                let (root, paths) = (root.clone(), paths.to_vec());
                blocking(move || {
                    paths.iter().try_for_each(|path| {
                        remove(&root, path).map_err(|error| format!("{path}: {error}"))
                    })
                })
                .await
            }
            Kind::Bucket(bucket) => {
                let remove = |path: &String| {
                    let (bucket, client, path) =
                        (bucket.clone(), self.client.clone(), path.clone());
                    async move { bucket.remove(&client, &path).await }
                };
                at_once(paths.iter().map(remove)).await.map(drop)
            }
            Kind::Rsync(rsync) => rsync.remove(paths).await,
        }
    }

    /// A file as a reader sees it; none when it is not there.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let mut all = self.read_all(&[path.to_owned()]).await?;
        Ok(all.pop().flatten())
    }

    /// Files as a reader sees them, in the order asked for.
    pub(crate) async fn read_all(&self, paths: &[String]) -> Result<Vec<Option<Vec<u8>>>, String> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(url) = &self.read_url {
            let read = |path: &String| {
                let (client, url, path) = (self.client.clone(), url.clone(), path.clone());
                async move { client.see(&url, &path).await }
            };
            let seen = at_once(paths.iter().map(read)).await?;
            return self.judged(seen, paths).await;
        }
        match &self.kind {
            Kind::Directory(root) => {
                let (root, paths) = (root.clone(), paths.to_vec());
                blocking(move || paths.iter().map(|path| read(&root, path)).collect()).await
            }
            Kind::Bucket(bucket) => {
                let read = |path: &String| {
                    let (bucket, client, path) =
                        (bucket.clone(), self.client.clone(), path.clone());
                    async move { bucket.read(&client, &path).await }
                };
                let seen = at_once(paths.iter().map(read)).await?;
                self.judged(seen, paths).await
            }
            Kind::Rsync(rsync) => rsync.read(paths).await,
        }
    }

    /// What was seen over HTTP. A bucket that does not let itself be listed refuses to show what is
    /// not there: once it is known that it can be read, what it refuses is missing.
    async fn judged(
        &self,
        seen: Vec<Seen>,
        paths: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, String> {
        if seen.iter().any(|it| matches!(it, Seen::There(_))) {
            self.readable.store(true, Ordering::Relaxed);
        }
        let mut refused = seen.iter().zip(paths);
        if let Some((_, path)) = refused.find(|(it, _)| matches!(it, Seen::Refused)) {
            self.can_be_read()
                .await
                .map_err(|error| format!("asked for {path}, it answers 403 Forbidden: {error}"))?;
        }
        let bytes = |it| match it {
            Seen::There(bytes) => Some(bytes.to_vec()),
            Seen::Missing | Seen::Refused => None,
        };
        Ok(seen.into_iter().map(bytes).collect())
    }

    /// Whether what is put into a bucket can be read back. Nothing of the site is touched.
    async fn can_be_read(&self) -> Result<(), String> {
        let Kind::Bucket(bucket) = &self.kind else {
            return Err("readers don't see it".to_owned());
        };
        if self.readable.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (path, bytes) = PROBE;
        bucket.put(&self.client, path, bytes.to_vec()).await?;
        let seen = match &self.read_url {
            Some(url) => self.client.see(url, path).await,
            None => bucket.read(&self.client, path).await,
        };
        bucket.remove(&self.client, path).await?;
        match seen? {
            Seen::There(there) if there == bytes => {
                self.readable.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => Err("nothing that is put there can be read".to_owned()),
        }
    }
}

/// Makes the last part of a directory's path, and no more: what it lies in may be a disk that is not
/// mounted, and then nobody would read what is put here.
fn make_last(root: &Path) -> Result<(), String> {
    match std::fs::create_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let within = root.parent().unwrap_or(root).display();
            Err(format!("{within} is not there, or its disk not mounted"))
        }
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", root.display()))
        }
        _ => Ok(()),
    }
}

/// A file of a directory; none when it is not there.
pub(crate) fn read(root: &Path, path: &str) -> Result<Option<Vec<u8>>, String> {
    use std::io::Read as _;
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let file = match std::fs::File::open(root.join(path)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Does what blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
}

/// Does several things at once, a few at a time; ends with the first that fails.
async fn at_once<T, F>(tasks: impl Iterator<Item = F>) -> Result<Vec<T>, String>
where
    T: Send + 'static,
    F: Future<Output = Result<T, String>> + Send + 'static,
{
    let mut tasks = tasks.enumerate();
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < AT_ONCE {
            let Some((at, task)) = tasks.next() else {
                break;
            };
            running.spawn(async move { (at, task.await) });
        }
        match running.join_next().await {
            None => break,
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok((at, outcome))) => done.push((at, outcome?)),
        }
    }
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, it)| it).collect())
}
