//! The macro that turns the declaration into enum, structs and batch.

/// Declares the tables in the order in which a batch commits them.
///
/// `=> key` marks a column by which rows are looked up.
macro_rules! tables {
    ($(
        $(#[doc = $about:literal])+
        $table:ident / $name:ident: $row:ident {
            $(
                $(#[doc = $column_about:literal])+
                $(#[serde($with:meta)])?
                $column:ident: $cell:ty $(=> $key:ident)?,
            )*
        }
    )*) => {
        /// A table, in the order in which a batch commits them: what others refer to first, `files` last.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($(#[doc = $about])+ $table,)* }

        impl Table {
            /// Every table, in the order of commits.
            pub const ALL: &'static [Self] = &[$(Self::$table),*];

            /// The name: of its folder below `catalog/`, and in SQL.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$table => stringify!($name)),* }
            }

            /// What one row is.
            pub fn about(self) -> String {
                match self { $(Self::$table => concat!($($about),+).trim().to_owned()),* }
            }

            /// The columns; `job`, `batch` and, where there is one, `import_id` last.
            pub fn columns(self) -> Vec<Column> {
                let mut columns = match self {
                    $(Self::$table => vec![
                        $(Column::of::<$cell>(
                            stringify!($column),
                            tables!(@key $($key)?),
                            concat!($($column_about),+),
                        ),)*
                    ],)*
                };
                columns.extend(Column::of_batch());
                columns.extend(self.is_imported().then(Column::of_import));
                columns
            }
        }

        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct $row {
                $($(#[doc = $column_about])+ $(#[serde($with)])? pub $column: $cell,)*
            }

            impl Row for $row {
                const TABLE: Table = Table::$table;
            }
        )*

        /// The rows that one batch adds, a list a table.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Batch {
            $($(#[doc = $about])+ #[serde(default)] pub $name: Vec<$row>,)*
        }

        impl Batch {
            /// Whether it adds nothing.
            pub fn is_empty(&self) -> bool {
                $(self.$name.is_empty())&&*
            }

            /// How many rows it adds.
            pub fn len(&self) -> usize {
                0 $(+ self.$name.len())*
            }

            /// Adds all rows of another batch.
            pub fn append(&mut self, mut other: Self) {
                $(self.$name.append(&mut other.$name);)*
            }

            /// The rows as Arrow, tables without rows left out, in the order of commits.
            pub(crate) fn encode(&self) -> Result<Vec<(Table, RecordBatch)>, CatalogError> {
                let mut encoded = Vec::new();
                $(if !self.$name.is_empty() {
                    encoded.push((Table::$table, encode(&self.$name)?));
                })*
                Ok(encoded)
            }
        }
    };
    (@key) => { false };
    (@key key) => { true };
}

pub(super) use tables;
