//! Lists as programs print them into a column: JSON, or what Python writes for a list of texts or of dictionaries.

use std::iter::Peekable;
use std::str::Chars;

/// Lists within each other.
const DEPTH: usize = 8;

enum Literal {
    Text(String),
    List(Vec<Literal>),
    Pairs(Vec<(String, Literal)>),
    Nothing,
}

/// The texts of a list, or with `pick` those under that key of each of its dictionaries; `None` where it is no list.
pub(super) fn texts(text: &str, pick: Option<&str>) -> Option<Vec<String>> {
    let mut parser = Parser { rest: text.chars().peekable() };
    let Literal::List(items) = parser.literal(0)? else { return None };
    parser.blanks();
    if parser.rest.next().is_some() {
        return None;
    }
    let mut texts = Vec::new();
    for item in items {
        let item = match (item, pick) {
            (Literal::Pairs(pairs), Some(pick)) => {
                pairs.into_iter().find(|(key, _)| key == pick).map(|(_, value)| value)
            }
            (item, _) => Some(item),
        };
        match item {
            Some(Literal::Text(text)) => texts.push(text),
            Some(Literal::Nothing) | None => {}
            Some(Literal::List(_) | Literal::Pairs(_)) => return None,
        }
    }
    Some(texts)
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.blanks();
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        if depth > DEPTH {
            return None;
        }
        self.blanks();
        match *self.rest.peek()? {
            '[' => {
                self.rest.next();
                let mut items = Vec::new();
                while !self.eat(']') {
                    items.push(self.literal(depth + 1)?);
                    if !self.eat(',') {
                        return self.eat(']').then_some(Literal::List(items));
                    }
                }
                Some(Literal::List(items))
            }
            '{' => {
                self.rest.next();
                let mut pairs = Vec::new();
                while !self.eat('}') {
                    let Literal::Text(key) = self.literal(depth + 1)? else { return None };
                    if !self.eat(':') {
                        return None;
                    }
                    pairs.push((key, self.literal(depth + 1)?));
                    if !self.eat(',') {
                        return self.eat('}').then_some(Literal::Pairs(pairs));
                    }
                }
                Some(Literal::Pairs(pairs))
            }
            quote @ ('"' | '\'') => {
                self.rest.next();
                self.quoted(quote)
            }
            _ => self.bare(),
        }
    }

    fn quoted(&mut self, quote: char) -> Option<Literal> {
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                c if c == quote => return Some(Literal::Text(text)),
                '\\' => match self.rest.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => {}
                    'x' => text.push(self.code(2)?),
                    'u' => text.push(self.code(4)?),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
    }

    /// A character by its number; half a surrogate pair becomes the replacement character.
    fn code(&mut self, digits: usize) -> Option<char> {
        let mut code = 0;
        for _ in 0..digits {
            code = code * 16 + self.rest.next()?.to_digit(16)?;
        }
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn bare(&mut self) -> Option<Literal> {
        let mut word = String::new();
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '+' | '_')) {
            word.push(c);
        }
        match word.as_str() {
            "" => None,
            "None" | "null" | "nan" | "NaN" => Some(Literal::Nothing),
            _ => Some(Literal::Text(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_python_and_json() {
        assert_eq!(texts("[]", None), Some(vec![]));
        assert_eq!(texts("[21, 3.5, None]", None), Some(vec!["21".into(), "3.5".into()]));
        assert_eq!(
            texts("['a', \"b'c\", 'd\\'e', '\\u00fc']", None),
            Some(["a", "b'c", "d'e", "ü"].map(String::from).into())
        );
        let genres = "[{'genre_id': '21', 'genre_title': 'Hip-Hop'}, {\"genre_title\": \"Folk\"}, {'x': []}]";
        assert_eq!(texts(genres, Some("genre_title")), Some(vec!["Hip-Hop".into(), "Folk".into()]));
        for wrong in ["", "a", "[", "['a'", "['a' 'b']", "[a] b", "{'a': 1}", "[[1]]", &"[".repeat(100_000)] {
            assert_eq!(texts(wrong, None), None, "{wrong:.20}");
        }
    }
}
