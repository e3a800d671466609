//! What can stand after a keyword.

use super::algorithm::Family;
use super::forward::{Form, Forward};
use super::log::Fault;
use super::system::System;
use super::value::Value;
use super::words::{Choices, Names, YES_NO, choose};
use super::{address, jump, lexer, number, special};

/// What a keyword takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Flag,
    /// One of some words.
    Choice(Choices),
    /// One of some names, whose errors have words of their own.
    Named(&'static Names),
    Number,
    Seconds,
    Port,
    Text,
    /// A text; `none` for no text.
    TextOrNone,
    /// The line's rest as it is; `none` for nothing.
    Command,
    /// A file, and more in further lines, up to a number.
    Files(usize),
    /// Words, up to a number; `none` alone for none.
    Words(usize),
    Domains,
    Algorithms(Family),
    LocalForward,
    RemoteForward,
    DynamicForward,
    Jump,
    Agent,
    FlagOrAgent,
    SendEnv,
    SetEnv,
    PermitRemoteOpen,
    PermittedCnames,
    AddKeysToAgent,
    ControlPersist,
    EscapeChar,
    IpQos,
    RekeyLimit,
    Mask,
    TunnelDevice,
    KeystrokeTiming,
    ChannelTimeout,
}

/// What stands after a keyword.
pub(super) struct Arguments<'a> {
    pub(super) keyword: &'a str,
    /// The line's rest as it is.
    pub(super) rest: &'a str,
    pub(super) system: &'a dyn System,
    /// Whether it is an option on the command line.
    pub(super) is_typed: bool,
    words: std::vec::IntoIter<String>,
}

/// `None` where what is said says nothing.
pub(super) type Parsed = Result<Option<Value>, Fault>;

impl<'a> Arguments<'a> {
    /// # Errors
    /// Where a quote is left open.
    pub(super) fn new(
        keyword: &'a str,
        rest: &'a str,
        system: &'a dyn System,
    ) -> Result<Self, Fault> {
        let words = lexer::words(rest).ok_or_else(|| Fault::error("invalid quotes"))?;
        Ok(Self {
            keyword,
            rest,
            system,
            is_typed: false,
            words: words.into_iter(),
        })
    }

    pub(super) fn next(&mut self) -> Option<String> {
        self.words.next()
    }

    pub(super) fn left(&self) -> usize {
        self.words.len()
    }

    pub(super) fn all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words).collect()
    }

    /// The next word, which has to be there and not be empty.
    pub(super) fn required(&mut self, otherwise: &str) -> Result<String, Fault> {
        let word = self.next().filter(|word| !word.is_empty());
        word.ok_or_else(|| Fault::error(otherwise))
    }

    /// # Errors
    /// Where there is more than was asked for.
    pub(super) fn end(&self) -> Result<(), Fault> {
        let keyword = self.keyword;
        match self.left() {
            0 => Ok(()),
            _ => Err(Fault::error(format!(
                "keyword {keyword} extra arguments at end of line"
            ))),
        }
    }

    /// All words, none of which is empty; one that must be alone is so.
    pub(super) fn words(&mut self, alone: &[&str]) -> Result<Vec<String>, Fault> {
        let (keyword, words) = (self.keyword, self.all());
        for word in &words {
            if word.is_empty() {
                return Err(Fault::error(format!("keyword {keyword} empty argument")));
            }
            let is_alone = |one: &&str| one.eq_ignore_ascii_case(word);
            if words.len() > 1 && alone.iter().any(is_alone) {
                return Err(Fault::error(format!(
                    "keyword {keyword} \"{word}\" argument must appear alone."
                )));
            }
        }
        Ok(words)
    }

    /// As [`Self::words`], where `none` alone is no word.
    pub(super) fn words_or_none(&mut self) -> Result<Vec<String>, Fault> {
        let mut words = self.words(&["none"])?;
        words.retain(|word| !word.eq_ignore_ascii_case("none"));
        Ok(words)
    }
}

const MISSING: &str = "Missing argument.";

impl Kind {
    /// Reads what stands after the keyword, be it to be used or not.
    pub(super) fn parse(self, arguments: &mut Arguments<'_>) -> Parsed {
        let system = arguments.system;
        if arguments.left() == 0 && self.takes_none() {
            return Ok(None);
        }
        let value = match self {
            Self::Flag => return choice(arguments, YES_NO).map(Some),
            Self::Choice(choices) => return choice(arguments, choices).map(Some),
            Self::Named(names) => named(arguments, names)?,
            Self::Number => number(arguments)?,
            Self::Seconds => return special::seconds(arguments),
            Self::Port => port(arguments)?,
            Self::Text | Self::TextOrNone => Value::Text(arguments.required(MISSING)?),
            Self::Command => command(arguments),
            Self::Files(_) => Value::List(vec![arguments.required(MISSING)?]),
            Self::Words(most) => words(arguments, most)?,
            Self::Domains => domains(arguments)?,
            Self::Algorithms(family) => algorithms(arguments, family)?,
            Self::LocalForward | Self::RemoteForward | Self::DynamicForward => {
                self.forward(arguments)?
            }
            Self::Jump => hops(arguments, system)?,
            Self::Agent => special::agent(&arguments.required(MISSING)?, system)?,
            Self::FlagOrAgent => special::flag_or_agent(arguments)?,
            Self::SendEnv => special::send_env(arguments)?,
            Self::SetEnv => special::set_env(arguments)?,
            Self::PermitRemoteOpen => special::permit_remote_open(arguments)?,
            Self::PermittedCnames => special::permitted_cnames(arguments)?,
            Self::AddKeysToAgent => special::add_keys_to_agent(arguments)?,
            Self::ControlPersist => special::control_persist(arguments)?,
            Self::EscapeChar => special::escape_char(arguments)?,
            Self::IpQos => special::ip_qos(arguments)?,
            Self::RekeyLimit => special::rekey_limit(arguments)?,
            Self::Mask => special::mask(arguments)?,
            Self::TunnelDevice => special::tunnel_device(arguments)?,
            Self::KeystrokeTiming => special::keystroke_timing(arguments)?,
            Self::ChannelTimeout => special::channel_timeout(arguments)?,
        };
        Ok(Some(value))
    }

    /// Whether lines add to what was said before; how many things there may be at most.
    pub(super) fn gathers(self) -> Option<usize> {
        match self {
            Self::Files(most) => Some(most),
            _ => None,
        }
    }

    /// Whether `none` stands for nothing.
    pub(super) fn clears_on_none(self) -> bool {
        matches!(self, Self::TextOrNone | Self::Command)
    }

    /// Whether no word at all is no error.
    fn takes_none(self) -> bool {
        matches!(
            self,
            Self::Words(_)
                | Self::Domains
                | Self::SendEnv
                | Self::SetEnv
                | Self::PermittedCnames
                | Self::ChannelTimeout
        )
    }

    fn forward(self, arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
        let from = arguments.required(MISSING)?;
        let (form, text) = match (self, arguments.left()) {
            (Self::DynamicForward, _) => (Form::Dynamic, from),
            (Self::RemoteForward, 0) => (Form::RemoteDynamic, from),
            (kind, _) => {
                let to = arguments.required("Missing target argument.")?;
                let form = match kind {
                    Self::RemoteForward => Form::Remote,
                    _ => Form::Local,
                };
                (form, format!("{from}:{to}"))
            }
        };
        let system = arguments.system;
        let fault = || {
            let fault = Fault::error("Bad forwarding specification.");
            let unknown = Forward::unknown_variable(&text, system);
            unknown.into_iter().fold(fault, Fault::after)
        };
        let forward = Forward::parse(&text, form, system).ok_or_else(fault)?;
        Ok(Value::Forwards(vec![forward]))
    }
}

fn choice(arguments: &mut Arguments<'_>, choices: Choices) -> Result<Value, Fault> {
    let word = arguments.next().unwrap_or_else(|| "(null)".to_owned());
    let wrong = format!("unsupported option \"{word}\".");
    if matches!(word.as_str(), "" | "(null)") {
        // OpenSSH goes on to complain of the word that is not there.
        return Err(Fault::error("missing argument.").and(wrong));
    }
    let chosen = choose(choices, &word).map(Value::Word);
    chosen.ok_or_else(|| Fault::error(wrong))
}

fn named(arguments: &mut Arguments<'_>, names: &Names) -> Result<Value, Fault> {
    let name = match names.missing {
        None => arguments.required(MISSING)?,
        Some(missing) => arguments.next().unwrap_or_else(|| missing.to_owned()),
    };
    let chosen = choose(names.choices, &name);
    let chosen = chosen.ok_or_else(|| Fault::error((names.error)(&name)))?;
    Ok(Value::Word(chosen))
}

fn number(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.next().filter(|word| !word.is_empty());
    let number = match &word {
        None => Err("missing"),
        Some(word) => number::decimal(word, i64::from(i32::MAX)),
    };
    let wrong = |what| Fault::error(format!("integer value {what}."));
    number.map(Value::Number).map_err(wrong)
}

fn port(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let word = arguments.required(MISSING)?;
    let port = number::port(&word, arguments.system).filter(|port| *port > 0);
    let port = port.ok_or_else(|| Fault::error(format!("Bad port '{word}'.")))?;
    Ok(Value::Number(i64::from(port)))
}

fn command(arguments: &mut Arguments<'_>) -> Value {
    arguments.all();
    Value::Text(raw(arguments.rest).to_owned())
}

/// The line's rest, before which a second `=` is passed over.
fn raw(rest: &str) -> &str {
    rest.trim_start_matches([' ', '\t', '\r', '\n', '='])
}

fn words(arguments: &mut Arguments<'_>, most: usize) -> Result<Value, Fault> {
    let words = arguments.words_or_none()?;
    let keyword = arguments.keyword;
    match words.len() > most {
        true => Err(Fault::error(format!("too many {keyword} entries."))),
        false => Ok(Value::List(words)),
    }
}

fn domains(arguments: &mut Arguments<'_>) -> Result<Value, Fault> {
    let words = arguments.words_or_none()?;
    let names = words
        .iter()
        .map(|word| address::domain(&word.to_ascii_lowercase()));
    let names: Result<Vec<String>, String> = names.collect();
    names.map(Value::List).map_err(Fault::error)
}

fn algorithms(arguments: &mut Arguments<'_>, family: Family) -> Result<Value, Fault> {
    let list = arguments.required(MISSING)?;
    if family.accepts(&list) {
        return Ok(Value::Text(list));
    }
    let what = match family {
        Family::Cipher => "Bad SSH2 cipher spec",
        Family::Mac => "Bad SSH2 MAC spec",
        Family::Kex => "Bad SSH2 KexAlgorithms",
        Family::HostKey | Family::UserKey | Family::Signature => "Bad key types",
    };
    let fault = Fault::error(format!("{what} '{list}'."));
    Err(match family.first_unknown(&list) {
        Some(name) if family == Family::Kex => {
            fault.after(format!("Unsupported KEX algorithm \"{name}\""))
        }
        _ => fault,
    })
}

fn hops(arguments: &mut Arguments<'_>, system: &dyn System) -> Result<Value, Fault> {
    arguments.all();
    let text = raw(arguments.rest);
    let fault = || Fault::error(format!("Invalid ProxyJump \"{text}\""));
    let hops = jump::parse(text, system).ok_or_else(fault)?;
    match jump::unsafe_name(&hops) {
        Some(why) if arguments.is_typed => Err(fault().after(why)),
        _ => Ok(Value::Hops(hops)),
    }
}

#[cfg(test)]
mod tests;
