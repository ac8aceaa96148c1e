use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::tcp::CHUNK_BYTES;

/// How much is on the way at most: half a second at 128 MiB a second.
const ON_THE_WAY_BYTES_MAX: usize = 64 << 20;

/// Reads what `from` has some time later, and as fast as it came: what is on the way does not hold
/// up what follows.
#[derive(Debug)]
pub(super) struct Delayed<R, D> {
    from: R,
    delay: D,
    /// What was read, with when it arrives; the end is a piece of nothing.
    on_the_way: VecDeque<(Instant, Vec<u8>)>,
    on_the_way_bytes: usize,
    /// How much of the first piece has arrived.
    arrived: usize,
    timer: Pin<Box<Sleep>>,
}

impl<R: AsyncRead + Unpin, D: Fn() -> Duration> Delayed<R, D> {
    /// What is read from now on takes as long as `delay` says then.
    pub(super) fn new(from: R, delay: D) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        let on_the_way = VecDeque::new();
        Self { from, delay, on_the_way, on_the_way_bytes: 0, arrived: 0, timer }
    }

    fn has_ended(&self) -> bool {
        self.on_the_way.back().is_some_and(|(_, piece)| piece.is_empty())
    }

    /// Sends on its way whatever is there to be read.
    fn send_off(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.has_ended() && self.on_the_way_bytes < ON_THE_WAY_BYTES_MAX {
            let mut piece = vec![0; CHUNK_BYTES];
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.from).poll_read(cx, &mut buffer) {
                Poll::Ready(read) => read?,
                Poll::Pending => break,
            }
            let length = buffer.filled().len();
            piece.truncate(length);
            piece.shrink_to_fit();
            self.on_the_way_bytes += length;
            self.on_the_way.push_back((Instant::now() + (self.delay)(), piece));
        }
        Ok(())
    }
}

impl<R, D> AsyncRead for Delayed<R, D>
where
    R: AsyncRead + Unpin,
    D: Fn() -> Duration + Unpin,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.on_the_way.is_empty() && (this.delay)().is_zero() {
            return Pin::new(&mut this.from).poll_read(cx, buffer);
        }
        this.send_off(cx)?;
        // With nothing on the way, whoever sends something wakes this task.
        let Some((due, piece)) = this.on_the_way.front() else { return Poll::Pending };
        if this.timer.deadline() != *due {
            this.timer.as_mut().reset(*due);
        }
        ready!(this.timer.as_mut().poll(cx));
        let arriving = &piece[this.arrived..];
        let arriving = &arriving[..arriving.len().min(buffer.remaining())];
        buffer.put_slice(arriving);
        this.arrived += arriving.len();
        // The end stays the end, however often it is read.
        if this.arrived == piece.len() && !piece.is_empty() {
            this.on_the_way_bytes -= piece.len();
            this.arrived = 0;
            this.on_the_way.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_on_the_way_does_not_hold_up_what_follows() {
        let (mut near, far) = duplex(CHUNK_BYTES);
        let mut far = Delayed::new(far, || Duration::from_millis(10));
        let begun = Instant::now();
        let writes = async {
            near.write_all(b"first").await.unwrap();
            // Time is paused: this is when the second piece is sent, to the millisecond.
            sleep(Duration::from_millis(4)).await;
            near.write_all(b"then").await.unwrap();
            drop(near);
        };
        let reads = async {
            for (piece, milliseconds) in [("first", 10), ("then", 14), ("", 14)] {
                let mut read = vec![0; 5];
                let length = far.read(&mut read).await.unwrap();
                assert_eq!(&read[..length], piece.as_bytes());
                assert_eq!(begun.elapsed(), Duration::from_millis(milliseconds), "{piece}");
            }
        };
        tokio::join!(writes, reads);
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_that_does_not_fit_is_read_in_parts() {
        let (mut near, far) = duplex(CHUNK_BYTES);
        let mut far = Delayed::new(far, || Duration::from_millis(10));
        near.write_all(b"abcdefg").await.unwrap();
        drop(near);
        let mut read = [0; 3];
        far.read_exact(&mut read).await.unwrap();
        let mut rest = String::new();
        far.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&read, rest.as_str()), (b"abc", "defg"));
    }
}
