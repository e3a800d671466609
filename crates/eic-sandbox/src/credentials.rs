use aws_lc_rs::rand;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};

use crate::Error;

/// The one identity that the region knows: temporary credentials, made at start.
#[derive(Clone)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) session_token: String,
}

impl AccessKey {
    /// Draws new credentials; the id has the form of AWS's temporary ones.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives no random numbers.
    pub(crate) fn generate() -> Result<Self, Error> {
        Ok(Self {
            id: format!("ASIA{}", BASE32_NOPAD.encode(&random::<10>()?)),
            secret: BASE64URL_NOPAD.encode(&random::<30>()?),
            session_token: BASE64URL_NOPAD.encode(&random::<96>()?),
        })
    }
}

/// A request id in the form that AWS gives them, a random UUID.
pub(crate) fn request_id() -> String {
    let hex = HEXLOWER.encode(&random::<16>().unwrap_or([0; 16]));
    let part = |range| hex.get(range).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0..8),
        part(8..12),
        part(13..16),
        part(17..20),
        part(20..32)
    )
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}
