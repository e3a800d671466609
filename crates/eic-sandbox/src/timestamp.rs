//! Points in time as AWS writes them (UTC, Gregorian calendar).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;

/// ISO 8601 basic format, as `X-Amz-Date` has it: `20260102T030405Z`.
pub(crate) fn basic(time: SystemTime) -> String {
    let (year, month, day, second) = split(time);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z")
}

/// ISO 8601 extended format with milliseconds, as EC2's answers have it.
pub(crate) fn extended(time: SystemTime) -> String {
    let (year, month, day, second) = split(time);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.000Z")
}

/// Reads what [`basic`] writes.
pub(crate) fn parse_basic(text: &str) -> Option<SystemTime> {
    let digits = text.get(..8)?.to_owned() + text.get(8..)?.strip_prefix('T')?.strip_suffix('Z')?;
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let field = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (field(0..4)?, field(4..6)?, field(6..8)?);
    let (hour, minute, second) = (field(8..10)?, field(10..12)?, field(12..14)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Year, month, day and second of the day.
fn split(time: SystemTime) -> (u64, u64, u64, u64) {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    // Howard Hinnant's `civil_from_days`, for days since 1970 only:
    // years are counted from March, so that the leap day comes last.
    let z = seconds / DAY + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day, seconds % DAY)
}

/// Days from 1970-01-01 to a date (Howard Hinnant's `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_points() {
        let cases = [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_107_542_399, "21000228T235959Z"),
        ];
        for (seconds, text) in cases {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(basic(time), text);
            assert_eq!(parse_basic(text), Some(time));
        }
        assert_eq!(extended(UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_not_a_time() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20151330T123600Z",
            "2015083éT123600Z",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }
}
