//! The gate over HTTP/2 frames (RFC 9113) from a client: their shape and order, and how many of
//! those come that cost us more than their sender. What is in them (HPACK, streams' states, flow
//! control) is the library's.
//!
//! # What counts, and what a good client earns
//!
//! Three budgets, each refilled evenly and holding at most a minute's worth:
//! - resets: each RST_STREAM. Each stream that is opened gives a quarter back, so who cancels up to
//!   a quarter of its requests is never stopped, at whatever rate, and who cancels each one
//!   (CVE-2023-44487) is, soon.
//! - settings: each SETTINGS but the first and acknowledgements.
//! - control frames: PING, PRIORITY, GOAWAY, trailers, unknown types, acknowledgements, DATA
//!   without data that doesn't end its stream, and a WINDOW_UPDATE of less than 256 bytes. A larger
//!   one costs nothing: reading gigabytes needs many of them, while giving room byte by byte is how
//!   we are made to answer in frames of one byte (CVE-2019-9511).
//!
//! Clients that measure the delay (gRPC) ping whenever data has come, and give room in the size of
//! their messages. So control frames are earned, too: four with each stream that is opened, and one
//! with each 64 bytes of data that came or (`sent`) of answers that went. The caller of `sent`
//! passes all that was written: a PING earns a quarter of itself by its acknowledgement, which is
//! no way to live on.

use crate::wire::budget::Budget;
use crate::{Moment, Reason, config};

#[cfg(test)]
mod tests;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;
/// The size every peer must take (RFC 9113, 4.2). The edge never offers more.
const FRAME_BYTES_MAX: usize = 16_384;
const SETTINGS_MAX: usize = 32;
const CONTINUATIONS_MAX: u32 = 8;
/// A header block may be longer than the head in it by padding and priority.
const BLOCK_EXTRA_BYTES: usize = 1 + 255 + 5;

const WINDOW_BYTES_SMALL: u32 = 256;
const CONTROL_EARNED_BY_STREAM: u64 = 4;
const BYTES_THAT_EARN_CONTROL: u64 = 64;
const STREAMS_THAT_EARN_RESET: u64 = 4;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// What a client's frames may be at most, for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    pub resets_per_minute_max: u32,
    pub settings_per_minute_max: u32,
    pub control_frames_per_minute_max: u32,
    /// Of a header block, as it is sent: compressed.
    pub head_bytes_max: usize,
}

impl Http2Limits {
    /// What the configuration says.
    pub fn new(http2: &config::Http2, head_bytes_max: usize) -> Http2Limits {
        Http2Limits {
            resets_per_minute_max: http2.resets_per_minute_max,
            settings_per_minute_max: http2.settings_per_minute_max,
            control_frames_per_minute_max: http2.control_frames_per_minute_max,
            head_bytes_max,
        }
    }
}

/// The gate over one connection that speaks HTTP/2.
#[derive(Clone, Debug)]
pub struct Http2 {
    head_bytes_max: usize,
    stage: Stage,
    /// So much of the newest frame is still to come.
    payload_left: usize,
    /// The newest stream that the client has opened; 0: none.
    stream_newest: u32,
    resets: Budget,
    settings: Budget,
    control: Budget,
    refused: Option<Reason>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Preface,
    /// The first frame is SETTINGS (RFC 9113, 3.4).
    Settings,
    Frames,
    /// In a header block: only its CONTINUATION may follow (RFC 9113, 6.10).
    Block {
        stream: u32,
        continuations: u32,
        bytes: usize,
    },
}

/// What is known of a frame before its payload is handed on.
#[derive(Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    length: usize,
    /// The beginning of the payload, as far as it is looked at.
    seen: [u8; 4],
}

impl Http2 {
    /// A gate that waits for the preface.
    pub fn new(limits: Http2Limits, now: Moment) -> Http2 {
        Http2 {
            head_bytes_max: limits.head_bytes_max,
            stage: Stage::Preface,
            payload_left: 0,
            stream_newest: 0,
            resets: Budget::full(limits.resets_per_minute_max, now),
            settings: Budget::full(limits.settings_per_minute_max, now),
            control: Budget::full(limits.control_frames_per_minute_max, now),
            refused: None,
        }
    }

    /// How many bytes at the start of `bytes` may be handed on. The caller hands on exactly so
    /// many, drops them, and asks again with the rest, until it hears 0 (more are needed: there are
    /// none, or at most 23 of the preface, or at most 12 of a frame's beginning) or an error.
    ///
    /// # Errors
    /// Why the connection must be closed, now and whenever it is asked again: `Http2Malformed`,
    /// `Http2Flood`, `HeadTooLarge`.
    pub fn admit(&mut self, bytes: &[u8], now: Moment) -> Result<usize, Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let mut admitted = 0;
        while let Some(rest) = bytes.get(admitted..).filter(|rest| !rest.is_empty()) {
            let step = if self.payload_left > 0 {
                Ok(self.payload(rest.len()))
            } else if let Stage::Preface = self.stage {
                self.preface(rest)
            } else {
                self.frame(rest, now)
            };
            match step {
                Ok(0) => break,
                Ok(count) => admitted += count,
                Err(reason) => {
                    self.refused = Some(reason);
                    // What was good before it goes on, whether it came with it or earlier.
                    return if admitted > 0 {
                        Ok(admitted)
                    } else {
                        Err(reason)
                    };
                }
            }
        }
        Ok(admitted)
    }

    /// So many bytes were written to the client: answers earn control frames.
    pub fn sent(&mut self, bytes: usize) {
        self.earned_by(bytes);
    }

    fn earned_by(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.control.earn(bytes, BYTES_THAT_EARN_CONTROL);
    }

    fn preface(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let here = bytes.get(..PREFACE.len()).unwrap_or(bytes);
        if !PREFACE.starts_with(here) {
            return Err(Reason::Http2Malformed);
        }
        if here.len() < PREFACE.len() {
            return Ok(0);
        }
        self.stage = Stage::Settings;
        Ok(PREFACE.len())
    }

    fn payload(&mut self, here: usize) -> usize {
        let passed = here.min(self.payload_left);
        self.payload_left -= passed;
        passed
    }

    fn frame(&mut self, bytes: &[u8], now: Moment) -> Result<usize, Reason> {
        let Some(frame) = Frame::read(bytes)? else {
            return Ok(0);
        };
        self.stage = self.after(frame, now)?;
        self.payload_left = frame.length;
        Ok(FRAME_HEAD_BYTES)
    }

    /// Checks a frame against what came before, and says where we are then. What can't be undone
    /// (a budget spent) is done last.
    fn after(&mut self, frame: Frame, now: Moment) -> Result<Stage, Reason> {
        match self.stage {
            Stage::Settings if frame.kind != 0x4 || frame.flags & ACK != 0 => {
                return Err(Reason::Http2Malformed);
            }
            Stage::Settings => return frame.settings().map(|()| Stage::Frames),
            Stage::Block { .. } => return self.continuation(frame),
            Stage::Preface | Stage::Frames => {}
        }
        match frame.kind {
            0x0 => self.data(frame, now)?,
            0x1 => return self.headers(frame, now),
            0x2 => {
                frame.on_stream(u32::MAX, 5)?;
                let depends_on = u32::from_be_bytes(frame.seen) & 0x7fff_ffff;
                if depends_on == frame.stream {
                    return Err(Reason::Http2Malformed);
                }
                self.control.spend(now)?;
            }
            0x3 => {
                frame.on_stream(self.stream_newest, 4)?;
                self.resets.spend(now)?;
            }
            0x4 => {
                frame.settings()?;
                let acknowledges = frame.flags & ACK != 0;
                let budget = if acknowledges {
                    &mut self.control
                } else {
                    &mut self.settings
                };
                budget.spend(now)?;
            }
            0x6 => {
                frame.on_connection(frame.length == 8)?;
                self.control.spend(now)?;
            }
            0x7 => {
                frame.on_connection(frame.length >= 8)?;
                self.control.spend(now)?;
            }
            0x8 => self.window_update(frame, now)?,
            // PUSH_PROMISE is a server's; CONTINUATION continues nothing here.
            0x5 | 0x9 => return Err(Reason::Http2Malformed),
            // Unknown types are ignored by whoever doesn't know them (RFC 9113, 5.5).
            _ => self.control.spend(now)?,
        }
        Ok(Stage::Frames)
    }

    fn data(&mut self, frame: Frame, now: Moment) -> Result<(), Reason> {
        frame.on_stream(self.stream_newest, frame.length)?;
        let data = frame.unpadded()?;
        if data == 0 && frame.flags & END_STREAM == 0 {
            return self.control.spend(now);
        }
        self.earned_by(data);
        Ok(())
    }

    fn headers(&mut self, frame: Frame, now: Moment) -> Result<Stage, Reason> {
        frame.on_stream(u32::MAX, frame.length)?;
        let priority = if frame.flags & PRIORITY != 0 { 5 } else { 0 };
        if frame.unpadded()? < priority {
            return Err(Reason::Http2Malformed);
        }
        let stage = self.in_block(frame, 0, frame.length)?;
        if frame.stream > self.stream_newest {
            self.stream_newest = frame.stream;
            self.control.earn(CONTROL_EARNED_BY_STREAM, 1);
            self.resets.earn(1, STREAMS_THAT_EARN_RESET);
            return Ok(stage);
        }
        // Trailers end their stream (RFC 9113, 8.1).
        if frame.flags & END_STREAM == 0 {
            return Err(Reason::Http2Malformed);
        }
        self.control.spend(now)?;
        Ok(stage)
    }

    fn continuation(&mut self, frame: Frame) -> Result<Stage, Reason> {
        let Stage::Block {
            stream,
            continuations,
            bytes,
        } = self.stage
        else {
            return Err(Reason::Http2Malformed);
        };
        if frame.kind != 0x9 || frame.stream != stream {
            return Err(Reason::Http2Malformed);
        }
        if continuations >= CONTINUATIONS_MAX {
            return Err(Reason::Http2Flood);
        }
        self.in_block(frame, continuations + 1, bytes + frame.length)
    }

    fn in_block(&self, frame: Frame, continuations: u32, bytes: usize) -> Result<Stage, Reason> {
        if bytes > self.head_bytes_max.saturating_add(BLOCK_EXTRA_BYTES) {
            return Err(Reason::HeadTooLarge);
        }
        if frame.flags & END_HEADERS != 0 {
            return Ok(Stage::Frames);
        }
        Ok(Stage::Block {
            stream: frame.stream,
            continuations,
            bytes,
        })
    }

    fn window_update(&mut self, frame: Frame, now: Moment) -> Result<(), Reason> {
        if frame.stream != 0 {
            frame.on_stream(self.stream_newest, 4)?;
        }
        frame.is(frame.length == 4)?;
        match u32::from_be_bytes(frame.seen) & 0x7fff_ffff {
            0 => Err(Reason::Http2Malformed),
            1..WINDOW_BYTES_SMALL => self.control.spend(now),
            _ => Ok(()),
        }
    }
}

impl Frame {
    /// The head of a frame and, where that matters, the first bytes of its payload. None: more are
    /// needed.
    fn read(bytes: &[u8]) -> Result<Option<Frame>, Reason> {
        let &[a, b, c, kind, flags, d, e, f, g, ref payload @ ..] = bytes else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        let length = usize::try_from(length).map_err(|_| Reason::Http2Malformed)?;
        if length > FRAME_BYTES_MAX {
            return Err(Reason::Http2Malformed);
        }
        let looked_at = match kind {
            0x0 | 0x1 if flags & PADDED != 0 => 1,
            0x2 | 0x8 => 4,
            _ => 0,
        };
        let looked_at = length.min(looked_at);
        let Some(payload) = payload.get(..looked_at) else {
            return Ok(None);
        };
        let mut seen = [0; 4];
        seen.iter_mut()
            .zip(payload)
            .for_each(|(to, from)| *to = *from);
        Ok(Some(Frame {
            kind,
            flags,
            // The first bit is reserved, and ignored (RFC 9113, 4.1).
            stream: u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff,
            length,
            seen,
        }))
    }

    fn is(&self, good: bool) -> Result<(), Reason> {
        good.then_some(()).ok_or(Reason::Http2Malformed)
    }

    fn on_connection(&self, good: bool) -> Result<(), Reason> {
        self.is(self.stream == 0 && good)
    }

    /// On a stream of a client's, `newest` or an earlier one, and so long.
    fn on_stream(&self, newest: u32, length: usize) -> Result<(), Reason> {
        self.is(self.stream % 2 == 1 && self.stream <= newest && self.length == length)
    }

    fn settings(&self) -> Result<(), Reason> {
        let most = if self.flags & ACK != 0 {
            0
        } else {
            SETTINGS_MAX * 6
        };
        self.on_connection(self.length.is_multiple_of(6) && self.length <= most)
    }

    /// How long the payload is without its padding.
    fn unpadded(&self) -> Result<usize, Reason> {
        if self.flags & PADDED == 0 {
            return Ok(self.length);
        }
        let [padding, ..] = self.seen;
        self.length
            .checked_sub(1 + usize::from(padding))
            .ok_or(Reason::Http2Malformed)
    }
}
