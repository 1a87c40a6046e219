//! The service behind a tenant: answers as it is told to.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::scenario::Answers;

const HEAD_MAX: usize = 16 << 10;

/// One service, for as long as somebody has it.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) port: u16,
    answers: Arc<AtomicU8>,
    task: tokio::task::JoinHandle<()>,
}

impl Origin {
    /// Begins to answer, well.
    ///
    /// # Errors
    /// When it can't listen.
    pub(crate) async fn begin() -> io::Result<Origin> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let answers = Arc::new(AtomicU8::new(number(Answers::Well)));
        let how = answers.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, how.clone()));
            }
        });
        Ok(Origin {
            port,
            answers,
            task,
        })
    }

    pub(crate) fn answer(&self, answers: Answers) {
        self.answers.store(number(answers), Relaxed);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn number(answers: Answers) -> u8 {
    match answers {
        Answers::Well => 0,
        Answers::Badly => 1,
        Answers::Gone => 2,
    }
}

/// Answers requests without bodies, one after the other.
async fn serve(mut stream: TcpStream, answers: Arc<AtomicU8>) {
    let mut head = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let Ok(read @ 1..) = stream.read(&mut piece).await else {
            return;
        };
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
        if head.len() > HEAD_MAX {
            return;
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        let answer = match answers.load(Relaxed) {
            0 => "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n",
            1 => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\nbad\n",
            _ => return,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
