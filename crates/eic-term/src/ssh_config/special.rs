//! Values of forms that one keyword alone has.

use super::address::{c_number, split_host};
use super::expand::expand_variables;
use super::kind::{Arguments, Parsed};
use super::log::Fault;
use super::number;
use super::system::System;
use super::value::Value;
use super::words::{IP_QOS, YES_NO, choose};

const MISSING: &str = "Missing argument.";
const INVALID_TIME: &str = "invalid time value.";

/// A time; `none` leaves things as they are.
pub(super) fn seconds(arguments: &mut Arguments<'_>) -> Parsed {
    let word = arguments.required("missing time value.")?;
    if word == "none" {
        return Ok(None);
    }
    let seconds = number::seconds(&word).ok_or_else(|| Fault::error(INVALID_TIME))?;
    Ok(Some(Value::Number(seconds)))
}

/// A socket's path; `$NAME` and `${NAME}` for what a variable holds.
pub(super) fn agent(word: &str, system: &dyn System) -> Result<Value, Fault> {
    if let Err(why) = expand_variables(word, system) {
        let what = format!("Invalid environment expansion {word}.");
        return Err(Fault::error(what).after(why));
    }
    let is_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
    match word.strip_prefix('$') {
        Some(name) if name.starts_with('{') => {}
        Some(name) if name.is_empty() || !name.chars().all(is_name) => {
            return Err(Fault::error(format!("Invalid environment name {word}.")));
        }
        _ => {}
    }
    Ok(Value::Path(word.to_owned()))
}

pub(super) fn flag_or_agent(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required("missing argument.")?;
    match choose(YES_NO, &word) {
        Some(flag) => Ok(Value::Word(flag)),
        None => agent(&word, arguments.system),
    }
}

pub(super) fn send_env(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let names = arguments.all();
    match names
        .iter()
        .any(|name| name.is_empty() || name.contains('='))
    {
        true => Err(Fault::error("Invalid environment name.")),
        false => Ok(Value::Patterns(names)),
    }
}

/// The first of two values for one name holds.
pub(super) fn set_env(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let mut kept: Vec<String> = Vec::new();
    for assignment in arguments.all() {
        let Some((name, _)) = assignment.split_once('=') else {
            return Err(Fault::error("Invalid SetEnv."));
        };
        let start = format!("{name}=");
        if !kept.iter().any(|one| one.starts_with(&start)) {
            kept.push(assignment);
        }
    }
    Ok(Value::List(kept))
}

pub(super) fn permit_remote_open(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let keyword = arguments.keyword;
    let words = arguments.words(&["none", "any"])?;
    let [first, ..] = words.as_slice() else {
        let what = format!("missing {keyword} specification");
        return Err(Fault::fatal(what));
    };
    let one_word = ["none", "any"].map(|word| first.eq_ignore_ascii_case(word));
    if one_word != [false, false] {
        return Ok(Value::List(words));
    }
    for word in &words {
        let Some((_, Some(':') | None, port)) = split_host(word) else {
            return Err(Fault::fatal(format!("missing host in {keyword}")));
        };
        let known = number::port(port, arguments.system).is_some_and(|port| port > 0);
        if port != "*" && !known {
            return Err(Fault::fatal(format!("bad port number in {keyword}")));
        }
    }
    Ok(Value::List(words))
}

pub(super) fn permitted_cnames(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let rules = arguments.words_or_none()?;
    let rule = |rule: String| match rule.to_ascii_lowercase() {
        rule if rule == "*" => Ok("*:*".to_owned()),
        rule => match rule.split_once(':') {
            Some((_, target)) if !target.is_empty() => Ok(rule),
            _ => Err(Fault::error(format!("Invalid permitted CNAME \"{rule}\""))),
        },
    };
    let rules: Result<_, _> = rules.into_iter().map(rule).collect();
    rules.map(Value::List)
}

/// A flag, `ask`, `confirm` (with a time, if wanted) or a time.
pub(super) fn add_keys_to_agent(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    const WORDS: super::words::Choices = &[
        ("true", "true"),
        ("false", "false"),
        ("yes", "true"),
        ("no", "false"),
        ("ask", "ask"),
        ("confirm", "confirm"),
    ];
    let unsupported = || Fault::error("unsupported option");
    let word = arguments.next().filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| Fault::error("missing argument.").and("unsupported option"))?;
    match (choose(WORDS, &word), arguments.next()) {
        (Some("confirm"), Some(time)) => {
            let seconds = number::seconds(&time).ok_or_else(|| Fault::error(INVALID_TIME))?;
            Ok(Value::Text(format!("confirm {seconds}")))
        }
        (Some(word), None) => Ok(Value::Word(word)),
        (None, None) => match number::seconds(&word).ok_or_else(unsupported)? {
            0 => Ok(Value::Word("true")),
            seconds => Ok(Value::Text(seconds.to_string())),
        },
        _ => Err(unsupported()),
    }
}

/// `yes`, which 0 is too, keeps the connection for good.
pub(super) fn control_persist(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required("Missing ControlPersist argument.")?;
    Ok(match (word.as_str(), number::seconds(&word)) {
        ("no" | "false", _) => Value::Word("no"),
        ("yes" | "true", _) | (_, Some(0)) => Value::Word("yes"),
        (_, Some(seconds)) => Value::Number(seconds),
        (_, None) => return Err(Fault::error("Bad ControlPersist argument.")),
    })
}

pub(super) fn escape_char(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required(MISSING)?;
    let value = parse_escape_char(&word);
    value.ok_or_else(|| Fault::error("Bad escape character."))
}

/// A character, `^` and a letter, or `none`.
pub(super) fn parse_escape_char(word: &str) -> Option<Value> {
    Some(Value::Text(match word.as_bytes() {
        b"none" => "none".to_owned(),
        [byte] => visible(*byte),
        [b'^', letter @ 64..=127] => visible(letter & 31),
        _ => return None,
    }))
}

/// As vis(3) writes it.
fn visible(byte: u8) -> String {
    match byte {
        b'\\' => "\\\\".to_owned(),
        33..=126 => char::from(byte).to_string(),
        0..=31 => format!("\\^{}", char::from(byte + 64)),
        _ => format!("\\{byte:03o}"),
    }
}

pub(super) fn ip_qos(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let mut next = |otherwise: Option<&String>| {
        let word = arguments.next().or_else(|| otherwise.cloned());
        let word = word.unwrap_or_else(|| "(null)".to_owned());
        parse_ip_qos(&word).ok_or_else(|| Fault::error(format!("Bad IPQoS value: {word}")))
    };
    let interactive = next(None)?;
    let bulk = next(Some(&interactive))?;
    Ok(Value::Text(format!("{interactive} {bulk}")))
}

/// The eight bits that a value stands for; `None` for `none`.
pub(super) fn type_of_service(word: &str) -> Option<u32> {
    let named = IP_QOS.iter().find(|(name, _)| *name == word);
    let value = named.map(|(_, value)| *value).or_else(|| c_number(word))?;
    (value <= 255).then_some(value)
}

/// The name of a value, where it has one.
fn parse_ip_qos(word: &str) -> Option<String> {
    let named = |(name, _): &&(&str, u32)| name.eq_ignore_ascii_case(word);
    let value = match IP_QOS.iter().find(named) {
        Some((_, value)) => *value,
        None => c_number(word).filter(|value| *value <= 255)?,
    };
    let name = IP_QOS.iter().find(|(_, one)| *one == value);
    Some(name.map_or_else(|| format!("0x{value:02x}"), |(name, _)| (*name).to_owned()))
}

pub(super) fn rekey_limit(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required(MISSING)?;
    let bytes = match word.as_str() {
        "default" => 0,
        word => number::bytes(word)
            .map_err(|why| Fault::error(format!("Bad number '{word}': {why}")))?,
    };
    if bytes != 0 && bytes < 16 {
        return Err(Fault::error("RekeyLimit too small"));
    }
    let seconds = match arguments.left() {
        0 => None,
        _ => seconds(arguments)?.and_then(|value| value.number()),
    };
    Ok(Value::Rekey(Some(bytes), seconds))
}

/// File modes in octal, printed with a zero before them.
pub(super) fn mask(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required("Missing StreamLocalBindMask argument.")?;
    let mask = u32::from_str_radix(&word, 8).ok();
    let mask = mask.filter(|mask| *mask <= 0o777);
    let mask = mask.ok_or_else(|| Fault::error("Bad mask."))?;
    Ok(Value::Text(format!("0{mask:o}")))
}

pub(super) fn tunnel_device(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required(MISSING)?;
    let device = parse_tunnel_device(&word);
    device.ok_or_else(|| Fault::error("Bad tun device."))
}

/// `local[:remote]`, each a number or `any`.
pub(super) fn parse_tunnel_device(text: &str) -> Option<Value> {
    let (local, remote) = text.split_once(':').unwrap_or((text, "any"));
    let end = |text: &str| match text.eq_ignore_ascii_case("any") {
        true => Some("any".to_owned()),
        false => number::decimal(text, i64::from(i32::MAX) - 2)
            .ok()
            .map(|number| number.to_string()),
    };
    Some(Value::Text(format!("{}:{}", end(local)?, end(remote)?)))
}

/// `yes`, `no` or `interval:MILLISECONDS`.
pub(super) fn keystroke_timing(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let words = arguments.all();
    let [word] = words.as_slice() else {
        let none = words.is_empty();
        return Err(Fault::error(match none {
            true => "missing argument",
            false => "invalid arguments",
        }));
    };
    match word.as_str() {
        "yes" | "true" => return Ok(Value::Word("yes")),
        "no" | "false" => return Ok(Value::Word("no")),
        _ => {}
    }
    let Some(milliseconds) = word.strip_prefix("interval:") else {
        return Err(Fault::error(format!("unsupported argument \"{word}\"")));
    };
    match number::decimal(milliseconds, i64::from(i32::MAX)) {
        Err(why) => Err(Fault::error(format!("integer value {why}."))),
        Ok(number @ 1..=1000) => Ok(Value::Number(number)),
        Ok(_) => Err(Fault::error("value out of range.")),
    }
}

/// `none` or `type=time`s.
pub(super) fn channel_timeout(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let rules = arguments.words_or_none()?;
    let good = |rule: &str| {
        let (channel, time) = rule.split_once('=')?;
        number::seconds(time).filter(|_| !channel.is_empty())
    };
    match rules.iter().find(|rule| good(rule).is_none()) {
        Some(rule) => Err(Fault::fatal(format!("invalid channel timeout {rule}"))),
        None => Ok(Value::List(rules)),
    }
}
