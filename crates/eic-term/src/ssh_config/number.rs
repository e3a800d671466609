//! Numbers, times and ports, as OpenSSH reads them.

use super::system::System;

/// A decimal number as strtonum(3) reads it; else what is wrong with it.
pub(super) fn decimal(text: &str, most: i64) -> Result<i64, &'static str> {
    let text = text.trim_start();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid");
    }
    let negative = text.starts_with('-') && digits.bytes().any(|byte| byte != b'0');
    match digits.parse() {
        _ if negative => Err("too small"),
        Ok(number) if number <= most => Ok(number),
        _ => Err("too large"),
    }
}

/// A port or the name of a service; 0 is one, too.
pub(super) fn port(text: &str, system: &dyn System) -> Option<u16> {
    match decimal(text, i64::from(u16::MAX)) {
        Ok(port) => u16::try_from(port).ok(),
        Err(_) => system.service_port(text),
    }
}

/// Seconds out of a time such as `90`, `1h30m` or `2w` (sshd_config(5), TIME FORMATS).
pub(super) fn seconds(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.trim_start().trim_start_matches('+');
        let end = digits.find(|one: char| !one.is_ascii_digit());
        let (digits, after) = digits.split_at(end.unwrap_or(digits.len()));
        let unit = after.chars().next();
        let seconds = digits
            .parse::<i64>()
            .ok()?
            .checked_mul(unit_seconds(unit)?)?;
        total = total.checked_add(seconds)?;
        rest = after.get(1..).unwrap_or_default();
    }
    (!text.is_empty() && total <= i64::from(i32::MAX)).then_some(total)
}

fn unit_seconds(unit: Option<char>) -> Option<i64> {
    Some(match unit.map(|unit| unit.to_ascii_lowercase()) {
        None | Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        Some('w') => 7 * 24 * 60 * 60,
        Some(_) => return None,
    })
}

const INVALID: &str = "Invalid argument";
const OUT_OF_RANGE: &str = "Numerical result out of range";

/// Bytes out of a size such as `1G` or `1.5m`; else strerror(3)'s words.
pub(super) fn bytes(text: &str) -> Result<i64, &'static str> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = text.trim_end_matches(|one: char| one.is_ascii_alphabetic());
    let factor = text
        .get(number.len()..)
        .and_then(unit_bytes)
        .ok_or(INVALID)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(INVALID);
    }
    let whole: i64 = format!("0{whole}").parse().map_err(|_| OUT_OF_RANGE)?;
    let fraction: f64 = format!("0.{fraction}0").parse().map_err(|_| INVALID)?;
    let part = (fraction * factor as f64) as i64;
    let total = whole
        .checked_mul(factor)
        .and_then(|whole| whole.checked_add(part));
    total.map(|total| sign * total).ok_or(OUT_OF_RANGE)
}

fn unit_bytes(unit: &str) -> Option<i64> {
    let units = ["b", "k", "m", "g", "t", "p", "e"];
    let unit = if unit.is_empty() { "b" } else { unit };
    let power = units
        .iter()
        .position(|one| one.eq_ignore_ascii_case(unit))?;
    Some(1 << (10 * power))
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("007", Ok(7)),
            (" 7", Ok(7)),
            ("+7", Ok(7)),
            ("-0", Ok(0)),
            ("-7", Err("too small")),
            ("101", Err("too large")),
            ("99999999999999999999", Err("too large")),
            ("7 ", Err("invalid")),
            ("0x7", Err("invalid")),
            ("", Err("invalid")),
        ] {
            assert_eq!(decimal(text, 100), expected, "{text:?}");
        }
    }

    #[test]
    fn ports() {
        let port = |text| port(text, &Fake::default());
        assert_eq!(port("65535"), Some(65535));
        assert_eq!(port("65536"), None);
        assert_eq!(port("http"), Some(80));
        assert_eq!(port(""), None);
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("1h30m", Some(5400)),
            ("1H30", Some(3630)),
            ("2d", Some(172_800)),
            ("1w1w", Some(1_209_600)),
            ("1h 30m", Some(5400)),
            ("", None),
            ("h", None),
            ("1x", None),
            ("-1", None),
            ("4294967296", None),
            ("99999w", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("16", Ok(16)),
            ("1k", Ok(1024)),
            ("1G", Ok(1 << 30)),
            ("1.5M", Ok(3 << 19)),
            ("-1k", Ok(-1024)),
            ("1kb", Err("Invalid argument")),
            ("x", Err("Invalid argument")),
            ("1.2.3", Err("Invalid argument")),
            ("99999999999999999999", Err("Numerical result out of range")),
            ("99E", Err("Numerical result out of range")),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
