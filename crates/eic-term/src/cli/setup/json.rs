//! One setting in a JSON file with comments, all else in it as it was.

use jsonc_parser::cst::{CstInputValue, CstRootNode};
use jsonc_parser::{ParseOptions, errors::ParseError};

/// Why a file is left alone.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Syntax(#[from] ParseError),
    #[error("it is no object of settings")]
    NoObject,
}

/// The text with the setting.
pub(super) fn put(text: &str, key: &str, value: &str) -> Result<String, Fault> {
    let root = CstRootNode::parse(text, &ParseOptions::default())?;
    let object = root.object_value_or_create().ok_or(Fault::NoObject)?;
    let value = CstInputValue::String(value.to_owned());
    match object.get(key) {
        Some(property) => property.set_value(value),
        None => drop(object.append(key, value)),
    }
    let text = root.to_string();
    Ok(match text.ends_with('\n') {
        true => text,
        false => format!("{text}\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_else_stays() {
        for (text, expected) in [
            ("", "{\n  \"k\": \"v\"\n}\n"),
            ("{}\n", "{\n  \"k\": \"v\"\n}\n"),
            (
                "// mine\n{\n    /* a */ \"a\": 1, // one\n    \"b\": [1,2,],\n}\n",
                "// mine\n{\n    /* a */ \"a\": 1, // one\n    \"b\": [1,2,],\n    \"k\": \"v\",\n}\n",
            ),
            (
                "{\n\t\"k\": \"old\", // why\n\t\"z\": {\"k\": 1}\n}\n",
                "{\n\t\"k\": \"v\", // why\n\t\"z\": {\"k\": 1}\n}\n",
            ),
            (
                "{\r\n  \"a\": \"\\u0041\"\r\n}\r\n",
                "{\r\n  \"a\": \"\\u0041\",\r\n  \"k\": \"v\"\r\n}\r\n",
            ),
        ] {
            let once = put(text, "k", "v").unwrap();
            assert_eq!(once, expected, "{text:?}");
            assert_eq!(put(&once, "k", "v").unwrap(), once);
        }
        for wrong in ["[1]", "{", "{\"a\": }", "{\"a\" 1}", "x"] {
            assert!(put(wrong, "k", "v").is_err(), "{wrong}");
        }
    }
}
