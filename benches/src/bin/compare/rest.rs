//! Measures when a worker's REST interface answers.

use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// Polls the interface until it answers or this is dropped.
pub(crate) struct RestProbe {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<Instant>>>,
}

impl RestProbe {
    pub(crate) fn new(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                if answers(port) {
                    return Some(Instant::now());
                }
                std::thread::park_timeout(Duration::from_millis(20));
            }
            None
        });
        Self {
            over,
            thread: Some(thread),
        }
    }

    /// When it answered, if it has.
    pub(crate) fn answered(mut self) -> Option<Instant> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()?
    }
}

impl Drop for RestProbe {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let timeout = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let asked = stream.write_all(b"GET / HTTP/1.0\r\n\r\n");
    let mut answer = [0; 12];
    timeout.is_ok()
        && asked.is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer.ends_with(b" 200")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
