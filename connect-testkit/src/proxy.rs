//! A TCP proxy that misbehaves on demand: it cuts, delays, refuses and half-opens connections.

use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use connect_core::sync::lock;

/// A proxy on a loopback port in front of one address. It runs on its own threads, so it works with any
/// async runtime. It stops when dropped.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// use connect_testkit::proxy::TcpProxy;
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = TcpProxy::start(server.local_addr()?)?;
/// let mut client = TcpStream::connect(proxy.address())?;
/// client.write_all(b"x")?;
/// let mut byte = [0];
/// server.accept()?.0.read_exact(&mut byte)?;
///
/// proxy.cut();
/// assert_eq!(client.read(&mut byte).unwrap_or(0), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl TcpProxy {
    /// Starts a proxy in front of `target`, which need not listen yet.
    ///
    /// # Errors
    /// If no loopback port can be opened.
    pub fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new()
            .name("tcp-proxy".into())
            .spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, shared })
    }

    /// Returns the address for clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all open connections. New ones are accepted.
    pub fn cut(&self) {
        self.shared.lock().close_all();
    }

    /// Closes all connections and refuses new ones until [`heal`](Self::heal).
    pub fn refuse(&self) {
        let mut state = self.shared.lock();
        state.flow = Flow::Refused;
        state.close_all();
        self.shared.changed.notify_all();
    }

    /// Holds all bytes while connections stay open, as a dropped network route does, until
    /// [`heal`](Self::heal). Then the held bytes arrive.
    pub fn half_open(&self) {
        self.shared.lock().flow = Flow::Held;
    }

    /// Delays all bytes from now on, in both directions.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Ends the effects of [`refuse`](Self::refuse), [`half_open`](Self::half_open) and
    /// [`delay`](Self::delay).
    pub fn heal(&self) {
        let mut state = self.shared.lock();
        state.flow = Flow::Free;
        state.delay = Duration::ZERO;
        self.shared.changed.notify_all();
    }

    /// Returns the number of connections that were refused since the start.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.lock().refused
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().connections.len()
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.flow = Flow::Stopped;
        state.close_all();
        self.shared.changed.notify_all();
        drop(state);
        // Wakes the accepting thread; if that fails, it has ended already.
        let _ = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for TcpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpProxy")
            .field("address", &self.address)
            .field("target", &self.shared.target)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Flow {
    #[default]
    Free,
    Held,
    Refused,
    Stopped,
}

#[derive(Default)]
struct State {
    flow: Flow,
    delay: Duration,
    next_id: u64,
    refused: u64,
    /// Both sides of each open connection.
    connections: Vec<(u64, TcpStream, TcpStream)>,
}

impl State {
    fn close_all(&mut self) {
        for (_, client, server) in self.connections.drain(..) {
            // A closed side needs no shutdown.
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits as long as the bytes are held; false if they are lost.
    fn pass(&self) -> bool {
        let mut state = self.lock();
        if !state.delay.is_zero() {
            let delay = state.delay;
            let waited = self
                .changed
                .wait_timeout_while(state, delay, |state| !state.delay.is_zero())
                .unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
        let state = self
            .changed
            .wait_while(state, |state| state.flow == Flow::Held)
            .unwrap_or_else(PoisonError::into_inner);
        state.flow == Flow::Free
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let mut state = shared.lock();
        match state.flow {
            Flow::Stopped => return,
            Flow::Refused => {
                state.refused += 1;
                continue;
            }
            Flow::Free | Flow::Held => drop(state),
        }
        // A connection that cannot be set up is closed, as if the server were down.
        let Ok(client) = client else { continue };
        let _ = connect(client, shared);
    }
}

fn connect(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    let server = TcpStream::connect_timeout(&shared.target, Duration::from_secs(5))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let id = {
        let mut state = shared.lock();
        let id = state.next_id;
        state.next_id += 1;
        state
            .connections
            .push((id, client.try_clone()?, server.try_clone()?));
        id
    };
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let shared = Arc::clone(shared);
        thread::Builder::new()
            .name("tcp-proxy-pump".into())
            .spawn(move || {
                // If one direction ends, the connection ends.
                let _ = pump(&from, &to, &shared);
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                shared.lock().connections.retain(|(other, ..)| *other != id);
            })?;
    }
    Ok(())
}

fn pump(mut from: &TcpStream, mut to: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        if !shared.pass() {
            return Ok(());
        }
        to.write_all(bytes)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        if stream.write_all(&byte).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    fn client(proxy: &TcpProxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }

    fn round_trip(mut stream: &TcpStream) -> io::Result<u8> {
        stream.write_all(b"x")?;
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[test]
    fn bytes_pass_and_a_cut_closes_what_is_open() {
        let proxy = TcpProxy::start(echo()).unwrap();
        let first = client(&proxy);
        assert_eq!(round_trip(&first).unwrap(), b'x');
        proxy.cut();
        assert!(round_trip(&first).is_err());
        assert_eq!(round_trip(&client(&proxy)).unwrap(), b'x');
    }

    #[test]
    fn refused_connections_fail_until_healed() {
        let proxy = TcpProxy::start(echo()).unwrap();
        proxy.refuse();
        assert!(round_trip(&client(&proxy)).is_err());
        proxy.heal();
        assert!(round_trip(&client(&proxy)).is_ok());
    }

    #[test]
    fn half_open_connections_hold_bytes_until_healed() {
        let proxy = TcpProxy::start(echo()).unwrap();
        let mut stream = client(&proxy);
        round_trip(&stream).unwrap();
        proxy.half_open();
        stream.write_all(b"y").unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let mut byte = [0];
        assert!(stream.read(&mut byte).is_err());
        proxy.heal();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"y");
    }
}
