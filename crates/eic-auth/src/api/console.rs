//! What an instance wrote to its console.

use super::Api;
use super::instances::is_unknown_id;
use crate::Error;
use crate::instance::InstanceId;
use crate::target::Selector;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

impl Api {
    /// The last 64 KB of the instance's console, `None` if there is nothing yet; `latest` asks a Nitro
    /// instance for the present state instead of the boot's
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html>). Bytes that are no
    /// UTF-8 are replaced.
    ///
    /// # Errors
    /// [`Error::InstanceNotFound`], and what any call can fail with.
    pub async fn console_output(
        &self,
        id: &InstanceId,
        latest: bool,
    ) -> Result<Option<String>, Error> {
        let call = self.call("GetConsoleOutput", "ec2:GetConsoleOutput");
        self.inner.credentials.get().await?;
        let request = self
            .clients()
            .ec2
            .get_console_output()
            .instance_id(id.as_str());
        let request = if latest {
            request.latest(true)
        } else {
            request
        };
        match request.send().await {
            Ok(answer) => answer
                .output()
                .map(decode)
                .transpose()
                .map(|text| text.filter(|t| !t.is_empty())),
            Err(error) if error.code().is_some_and(is_unknown_id) => Err(Error::InstanceNotFound {
                selector: Selector::Id(id.clone()),
            }),
            Err(error) => Err(call.failure(error)),
        }
    }
}

/// Base64, in lines or in one.
fn decode(text: &str) -> Result<String, Error> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = aws_smithy_types::base64::decode(text);
    let bytes = bytes.map_err(|source| Error::Response {
        operation: "GetConsoleOutput",
        source: Box::new(source),
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64() {
        for (text, output) in [("aGVs\r\nbG8=\n", "hello"), ("", ""), ("/w==", "\u{fffd}")] {
            assert_eq!(decode(text).unwrap(), output);
        }
        assert!(decode("!!").is_err());
    }
}
