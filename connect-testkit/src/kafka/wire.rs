//! One request of Kafka's protocol: is the broker ready?

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::time::Duration;

/// Asks a listener without TLS for metadata, and returns how many brokers it knows.
pub(super) fn count_brokers(address: SocketAddr, patience: Duration) -> io::Result<usize> {
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    // Length, api key 3 (Metadata), version 1, correlation id 1, null client id, no topics.
    let request = [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0];
    stream.write_all(&request)?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    // Length, correlation id, number of brokers.
    let [_, _, _, _, _, _, _, _, count @ ..] = head;
    usize::try_from(i32::from_be_bytes(count)).map_err(io::Error::other)
}
