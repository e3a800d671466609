//! What a server asks a person before it lets them in (RFC 4256, RFC 4252 §8).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use zeroize::Zeroizing;

/// Questions of a server, or of ours for it. All text is untrusted: see [`visible`](crate::visible).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// Who logs in where, such as `ec2-user@i-0123456789abcdef0`: to be shown beside what the server says, so that it
    /// cannot pass its words off as ours.
    pub login: String,
    /// A title; often empty.
    pub title: String,
    /// What to do; often empty.
    pub instructions: String,
    /// What to ask for, in order.
    pub prompts: Vec<Prompt>,
}

/// One line to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prompt {
    /// What stands before the answer, such as `Password: `.
    pub text: String,
    /// Whether the answer may be seen while it is typed.
    pub echo: bool,
}

/// Answers, one a prompt; `None` where the person gave up. They are zeroized when dropped.
pub type Answers = Option<Vec<Zeroizing<String>>>;

type Asking = Pin<Box<dyn Future<Output = Answers> + Send>>;

/// Asks a person.
#[derive(Clone)]
pub(crate) struct Asker(Arc<dyn Fn(Question) -> Asking + Send + Sync>);

impl Asker {
    pub(crate) fn new<F>(ask: impl Fn(Question) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answers> + Send + 'static,
    {
        Self(Arc::new(move |question| Box::pin(ask(question))))
    }

    pub(super) async fn ask(&self, question: Question) -> Answers {
        (self.0)(question).await
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker")
    }
}

impl Question {
    /// The question for a password.
    pub(super) fn password(login: String) -> Self {
        let prompt = Prompt {
            text: "Password: ".to_owned(),
            echo: false,
        };
        Self {
            login,
            title: String::new(),
            instructions: String::new(),
            prompts: vec![prompt],
        }
    }

    /// Whether there is nothing to ask and nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.title.is_empty() && self.instructions.is_empty() && self.prompts.is_empty()
    }
}

impl From<russh::client::Prompt> for Prompt {
    fn from(prompt: russh::client::Prompt) -> Self {
        Self {
            text: prompt.prompt,
            echo: prompt.echo,
        }
    }
}
