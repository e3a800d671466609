//! Who may open a pipe on Windows, and whose it is.
//! <https://learn.microsoft.com/windows/win32/ipc/named-pipe-security-and-access-rights>

#![expect(
    unsafe_code,
    reason = "the system's access control has no safe interface"
)]

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::null_mut;

use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use windows_sys::Win32::Foundation::{GENERIC_ALL, HANDLE};
use windows_sys::Win32::Security::{
    ACL, ACL_REVISION, AddAccessAllowedAce, EqualSid, GetKernelObjectSecurity,
    GetSecurityDescriptorOwner, GetTokenInformation, InitializeAcl, InitializeSecurityDescriptor,
    OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
    SECURITY_DESCRIPTOR, SetSecurityDescriptorDacl, SetSecurityDescriptorOwner, TOKEN_QUERY,
    TOKEN_USER, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// The revision of security descriptors (`SECURITY_DESCRIPTOR_REVISION`).
const REVISION: u32 = 1;
/// Room for an access list of one entry, or for a user and the SID that it points to, or an owner; a SID has at most 68 bytes.
type Room = [u64; 32];
const ROOM: u32 = 256;

/// Makes an instance of a pipe that this user alone may open, and nobody over the network.
pub(super) fn create(name: &str, first: bool) -> io::Result<NamedPipeServer> {
    let mut user = User::own()?;
    let mut list: Room = [0; 32];
    let list = (&raw mut list).cast::<ACL>();
    let mut descriptor = SECURITY_DESCRIPTOR::default();
    let about = (&raw mut descriptor).cast();
    // SAFETY: every pointer is to a live variable of the size that is given, and aligned as its type wants.
    unsafe {
        check(InitializeAcl(list, ROOM, ACL_REVISION))?;
        check(AddAccessAllowedAce(
            list,
            ACL_REVISION,
            GENERIC_ALL,
            user.sid(),
        ))?;
        check(InitializeSecurityDescriptor(about, REVISION))?;
        check(SetSecurityDescriptorDacl(about, 1, list, 0))?;
        check(SetSecurityDescriptorOwner(about, user.sid(), 0))?;
    }
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: about,
        bInheritHandle: 0,
    };
    let mut options = ServerOptions::new();
    options
        .first_pipe_instance(first)
        .reject_remote_clients(true);
    // SAFETY: the attributes, the descriptor and the list that they point to outlive the call.
    unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) }
}

/// Whether a pipe was made by this user.
pub(super) fn is_own(pipe: &impl AsRawHandle) -> io::Result<bool> {
    let mut user = User::own()?;
    let mut descriptor: Room = [0; 32];
    let about: PSECURITY_DESCRIPTOR = (&raw mut descriptor).cast();
    let (mut owner, mut defaulted, mut needed): (PSID, _, _) = (null_mut(), 0, 0);
    // SAFETY: the handle is open; every pointer is to a live variable of the size that is given; the owner points into
    // the descriptor.
    unsafe {
        check(GetKernelObjectSecurity(
            pipe.as_raw_handle(),
            OWNER_SECURITY_INFORMATION,
            about,
            ROOM,
            &raw mut needed,
        ))?;
        check(GetSecurityDescriptorOwner(
            about,
            &raw mut owner,
            &raw mut defaulted,
        ))?;
        Ok(!owner.is_null() && EqualSid(owner, user.sid()) != 0)
    }
}

/// A `TOKEN_USER`, and behind it the SID that it points to.
struct User(Box<Room>);

impl User {
    fn own() -> io::Result<Self> {
        let mut token: HANDLE = null_mut();
        let mut room = Box::new([0; 32]);
        let mut needed = 0;
        // SAFETY: this process's handle needs no closing; every pointer is to a live variable of the size that is given.
        unsafe {
            check(OpenProcessToken(
                GetCurrentProcess(),
                TOKEN_QUERY,
                &raw mut token,
            ))?;
            let token = OwnedHandle::from_raw_handle(token);
            check(GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                (&raw mut *room).cast(),
                ROOM,
                &raw mut needed,
            ))?;
        }
        Ok(Self(room))
    }

    fn sid(&mut self) -> PSID {
        // SAFETY: the system has written a `TOKEN_USER` there, for which it is aligned.
        unsafe { (*(&raw mut *self.0).cast::<TOKEN_USER>()).User.Sid }
    }
}

fn check(done: i32) -> io::Result<()> {
    match done {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
