//! A sink connector fed from a web handler, without any log. The reply is sent once the line is synced to
//! the file.

use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::record::Record;
use connect_runtime::SinkHandle;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out.txt");
    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    let sink = SinkHandle::builder(&registry)
        .config(config_map! {
            "connector.class" => "FileStreamSink", "file" => output.display()
        })
        .start()
        .await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let client = tokio::spawn(async move {
        let mut replies = Vec::new();
        for line in ["first", "zweite", "三番目"] {
            let mut connection = TcpStream::connect(address).await?;
            let length = line.len();
            let request = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{line}");
            connection.write_all(request.as_bytes()).await?;
            let mut reply = String::new();
            connection.read_to_string(&mut reply).await?;
            replies.push(reply);
        }
        std::io::Result::Ok(replies)
    });
    for _ in 0..3 {
        handle(listener.accept().await?.0, &sink).await?;
    }
    let replies = client.await??;
    sink.stop().await?;

    assert!(
        replies
            .iter()
            .all(|reply| reply.starts_with("HTTP/1.1 204 ")),
        "{replies:?}"
    );
    assert_eq!(std::fs::read_to_string(&output)?, "first\nzweite\n三番目\n");
    println!("{} requests are lines of a file", replies.len());
    Ok(())
}

/// The handler: one request, one line. A real host has a web framework here.
async fn handle(mut connection: TcpStream, sink: &SinkHandle) -> Result<()> {
    let line = body(&mut connection).await?;
    sink.send(vec![Record::new("any", Datum::string(line))])
        .await?;
    let status = match sink.flush().await {
        Ok(()) => "204 No Content",
        Err(_) => "503 Service Unavailable",
    };
    connection
        .write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    Ok(())
}

/// The body of a small request.
async fn body(connection: &mut TcpStream) -> Result<String> {
    let mut request = Vec::new();
    loop {
        connection.read_buf(&mut request).await?;
        let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        let (head, body) = request.split_at(end + 4);
        let head = String::from_utf8_lossy(head);
        let length = head
            .split("Content-Length: ")
            .nth(1)
            .ok_or("a request without a length")?;
        if body.len() >= length.trim_end().parse()? {
            return Ok(String::from_utf8(body.to_owned())?);
        }
    }
}
