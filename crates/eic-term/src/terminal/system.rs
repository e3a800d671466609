//! The console functions that the standard library lacks.
//! <https://learn.microsoft.com/windows/console/console-functions>

#![expect(unsafe_code, reason = "the system's console has no safe interface")]

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_INVALID_PARAMETER, HANDLE, HANDLE_FLAG_INHERIT, INVALID_HANDLE_VALUE,
    SetHandleInformation, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Console::{
    CONSOLE_SCREEN_BUFFER_INFO, FreeConsole, GetConsoleMode, GetConsoleScreenBufferInfo,
    GetStdHandle, INPUT_RECORD, KEY_EVENT, LEFT_ALT_PRESSED, LEFT_CTRL_PRESSED, RIGHT_ALT_PRESSED,
    RIGHT_CTRL_PRESSED, ReadConsoleInputW, SHIFT_PRESSED, STD_ERROR_HANDLE, STD_HANDLE,
    STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetConsoleMode, SetStdHandle, WriteConsoleW,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, SetEvent, WaitForMultipleObjects, WaitForSingleObject,
};

use super::keys::Key;

/// How many records are read at once.
const RECORDS: usize = 128;
/// How many code units are written at once; old consoles take 64 KiB at most.
const UNITS: usize = 8 << 10;

fn raw(handle: &impl AsHandle) -> HANDLE {
    handle.as_handle().as_raw_handle()
}

/// The mode of a console; `None` where the handle is no console.
pub(super) fn mode(of: &impl AsHandle) -> Option<u32> {
    let mut mode = 0;
    // SAFETY: the handle is open, and the pointer is to a live variable.
    let known = unsafe { GetConsoleMode(raw(of), &raw mut mode) };
    (known != 0).then_some(mode)
}

pub(super) fn set_mode(of: &impl AsHandle, mode: u32) -> bool {
    // SAFETY: the handle is open.
    unsafe { SetConsoleMode(raw(of), mode) != 0 }
}

/// Columns and rows of a console's window.
pub(super) fn window(of: impl AsHandle) -> Option<(u16, u16)> {
    let mut info = CONSOLE_SCREEN_BUFFER_INFO::default();
    // SAFETY: the handle is open, and the pointer is to a live variable.
    let known = unsafe { GetConsoleScreenBufferInfo(raw(&of), &raw mut info) };
    let window = info.srWindow;
    let length = |from: i16, to: i16| u16::try_from(i32::from(to) - i32::from(from) + 1).ok();
    let columns = length(window.Left, window.Right)?;
    (known != 0).then_some((columns, length(window.Top, window.Bottom)?))
}

/// Leaves the console, if there is one: closing its window, or an interrupt there, no longer ends this process.
pub(super) fn leave_console() -> io::Result<()> {
    // SAFETY: it takes nothing.
    let left = unsafe { FreeConsole() != 0 };
    let error = io::Error::last_os_error();
    // Without a console there is none to leave.
    let had_none = error.raw_os_error() == Some(ERROR_INVALID_PARAMETER as i32);
    if left || had_none { Ok(()) } else { Err(error) }
}

/// The standard streams.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Input,
    Output,
    Error,
}

impl Stream {
    const ALL: [Self; 3] = [Self::Input, Self::Output, Self::Error];

    fn number(self) -> STD_HANDLE {
        match self {
            Self::Input => STD_INPUT_HANDLE,
            Self::Output => STD_OUTPUT_HANDLE,
            Self::Error => STD_ERROR_HANDLE,
        }
    }

    fn handle(self) -> HANDLE {
        // SAFETY: it takes a number.
        unsafe { GetStdHandle(self.number()) }
    }

    /// Closes it: from now on it leads nowhere, and its pipe ends where nobody else has it.
    pub(super) fn close(self) -> io::Result<()> {
        let handle = self.handle();
        if handle.is_null() || handle == INVALID_HANDLE_VALUE {
            return Ok(());
        }
        // SAFETY: it takes a number and null, which stands for no handle.
        check(unsafe { SetStdHandle(self.number(), null_mut()) })?;
        // One handle may be two streams.
        if Self::ALL.iter().any(|other| other.handle() == handle) {
            return Ok(());
        }
        // SAFETY: the standard library looks the handle up each time, and nobody else keeps it.
        check(unsafe { CloseHandle(handle) })
    }
}

fn check(done: i32) -> io::Result<()> {
    match done {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Keeps a handle from programs that are started from now on.
pub(super) fn withhold(of: &impl AsHandle) -> io::Result<()> {
    let handle = raw(of);
    // Without a console there may be none.
    if handle.is_null() {
        return Ok(());
    }
    // SAFETY: the handle is open.
    check(unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) })
}

/// An event that stays set.
pub(super) fn event() -> io::Result<OwnedHandle> {
    // SAFETY: null attributes and no name are allowed.
    let handle = unsafe { CreateEventW(null(), 1, 0, null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is new, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

pub(super) fn set(event: &OwnedHandle) -> bool {
    // SAFETY: the handle is open.
    unsafe { SetEvent(raw(event)) != 0 }
}

/// Waits for an event; returns whether it is set.
pub(super) fn wait(event: &OwnedHandle, limit: Duration) -> bool {
    let limit = u32::try_from(limit.as_millis()).unwrap_or(INFINITE);
    // SAFETY: the handle is open.
    unsafe { WaitForSingleObject(raw(event), limit) == WAIT_OBJECT_0 }
}

/// What ends a wait.
pub(super) enum Wake {
    /// The console has records.
    Input,
    /// Nothing happened for so long.
    Quiet,
    /// The event is set.
    End,
}

/// Waits until the console has records or the event is set, and no longer than the limit.
pub(super) fn wait_for_input(
    console: &OwnedHandle,
    event: &OwnedHandle,
    limit: Option<Duration>,
) -> Wake {
    // Of several that are ready the first counts: the end.
    let handles = [raw(event), raw(console)];
    let limit = limit.and_then(|limit| u32::try_from(limit.as_millis()).ok());
    // SAFETY: both handles are open, and the array is as long as said.
    let ready =
        unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, limit.unwrap_or(INFINITE)) };
    const INPUT: u32 = WAIT_OBJECT_0 + 1;
    match ready {
        INPUT => Wake::Input,
        WAIT_TIMEOUT => Wake::Quiet,
        _ => Wake::End,
    }
}

/// Reads the records that are there.
pub(super) fn read(console: &OwnedHandle) -> io::Result<Vec<Key>> {
    let mut records = [INPUT_RECORD::default(); RECORDS];
    let mut count = 0;
    // SAFETY: the handle is open, and the buffer is as long as said.
    let read = unsafe {
        ReadConsoleInputW(
            raw(console),
            records.as_mut_ptr(),
            RECORDS as u32,
            &raw mut count,
        )
    };
    if read == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(records
        .iter()
        .take(count as usize)
        .filter_map(key)
        .collect())
}

fn key(record: &INPUT_RECORD) -> Option<Key> {
    if u32::from(record.EventType) != KEY_EVENT {
        return None;
    }
    // SAFETY: the type says which member of the union it is.
    let key = unsafe { record.Event.KeyEvent };
    Some(Key {
        down: key.bKeyDown != 0,
        repeats: key.wRepeatCount,
        code: key.wVirtualKeyCode,
        // SAFETY: the wide function fills in the wide character.
        unit: unsafe { key.uChar.UnicodeChar },
        control: key.dwControlKeyState & (LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED) != 0,
        alt: key.dwControlKeyState & (LEFT_ALT_PRESSED | RIGHT_ALT_PRESSED) != 0,
        shift: key.dwControlKeyState & SHIFT_PRESSED != 0,
    })
}

/// Writes all of the text.
pub(super) fn write(console: &OwnedHandle, mut text: &[u16]) -> io::Result<()> {
    while !text.is_empty() {
        let part = whole_characters(text);
        let mut count = 0;
        // SAFETY: the handle is open, and the buffer is as long as said.
        let written = unsafe {
            WriteConsoleW(
                raw(console),
                part.as_ptr(),
                part.len() as u32,
                &raw mut count,
                null(),
            )
        };
        if written == 0 || count == 0 {
            return Err(io::Error::last_os_error());
        }
        text = text.get(count as usize..).unwrap_or_default();
    }
    Ok(())
}

/// The start of the text, not cut between the halves of a surrogate pair.
fn whole_characters(text: &[u16]) -> &[u16] {
    match text.get(..UNITS) {
        Some([part @ .., 0xD800..=0xDBFF]) => part,
        Some(part) => part,
        None => text,
    }
}
