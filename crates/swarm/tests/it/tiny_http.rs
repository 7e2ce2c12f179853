//! An HTTP/1.1 server of a few lines whose every answer a test decides.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request: path as sent, and the range asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    /// First and last byte.
    pub range: Option<(u64, u64)>,
}

/// What is sent back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Stops sending after so many bytes of the body, and keeps the connection open.
    pub stall_after: Option<usize>,
    /// Says this length instead of the true one, and closes after the body.
    pub length: Option<usize>,
}

impl Answer {
    pub fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, body, ..Self::default() }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A file, or the part of it that was asked for.
    pub fn file(bytes: &[u8], request: &Request) -> Self {
        let Some((first, last)) = request.range else {
            return Self::ok(bytes.to_vec());
        };
        let mut answer = Self { status: 206, body: bytes[first as usize..=last as usize].to_vec(), ..Self::default() };
        answer.header("Content-Range", format!("bytes {first}-{last}/{}", bytes.len()));
        answer
    }

    pub fn header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }
}

/// Serves until it is dropped with its runtime.
pub async fn serve(listener: TcpListener, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    while let Ok((stream, _)) = listener.accept().await {
        let answer = answer.clone();
        tokio::spawn(async move {
            let _ = connection(stream, &*answer).await;
        });
    }
}

async fn connection(stream: TcpStream, answer: &impl Fn(&Request) -> Answer) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first).await? == 0 {
            return Ok(());
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut request = Request { path, range: None };
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some((first, last)) = line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-')) {
                request.range = Some((first.parse().expect("a number"), last.parse().expect("a number")));
            }
        }
        let answer = answer(&request);
        let length = answer.length.unwrap_or(answer.body.len());
        let mut head = format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        stream.write_all(&answer.body[..answer.stall_after.unwrap_or(answer.body.len())]).await?;
        stream.flush().await?;
        if answer.stall_after.is_some() {
            // Until the client gives up.
            let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_u8()).await;
            return Ok(());
        }
        if answer.length.is_some() {
            return Ok(());
        }
    }
}
