//! As much XML as EC2's answers need.

/// An element with text or with elements in it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: &'static str,
    content: String,
}

impl Element {
    /// An element with nothing in it.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: "",
            content: String::new(),
        }
    }

    /// The outermost element, in EC2's name space.
    pub(super) fn root(name: &'static str) -> Self {
        let attributes = r#" xmlns="http://ec2.amazonaws.com/doc/2016-11-15/""#;
        Self {
            attributes,
            ..Self::new(name)
        }
    }

    /// Adds an element that holds text.
    pub(super) fn text(self, name: &'static str, text: impl AsRef<str>) -> Self {
        let content = escape(text.as_ref());
        self.with(Self {
            content,
            ..Self::new(name)
        })
    }

    /// Adds an element that holds text, where there is any.
    pub(super) fn optional(self, name: &'static str, text: Option<impl ToString>) -> Self {
        match text {
            Some(text) => self.text(name, text.to_string()),
            None => self,
        }
    }

    /// Adds an element.
    pub(super) fn with(mut self, child: Self) -> Self {
        self.content.push_str(&child.render());
        self
    }

    /// Adds a list: an element that holds an `item` for each.
    pub(super) fn list(self, name: &'static str, items: impl IntoIterator<Item = Self>) -> Self {
        self.with(items.into_iter().fold(Self::new(name), Self::with))
    }

    /// One of a list.
    pub(super) fn item() -> Self {
        Self::new("item")
    }

    /// The document of which this is the outermost element.
    pub(super) fn document(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
            self.render()
        )
    }

    fn render(&self) -> String {
        let Self {
            name,
            attributes,
            content,
        } = self;
        format!("<{name}{attributes}>{content}</{name}>")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_have_items() {
        let items = ["a<b", "c&d"].map(|text| Element::item().text("v", text));
        let element = Element::new("r")
            .list("set", items)
            .optional("none", None::<String>);
        let xml = "<r><set><item><v>a&lt;b</v></item><item><v>c&amp;d</v></item></set></r>";
        assert_eq!(element.render(), xml);
    }
}
