//! Why a chart could not be drawn or written.

use std::io::Error;
use std::path::PathBuf;

use plotters::drawing::DrawingAreaErrorKind;

/// Why a chart could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The file's name promises another format.
    #[error("{}: plots are SVG; give a name that ends in .svg", .0.display())]
    NotSvg(PathBuf),
    /// The file cannot be opened or written.
    #[error("{}: the plot cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: Error,
    },
    /// The chart cannot be drawn.
    #[error("the plot cannot be drawn: {0}")]
    Draw(#[from] DrawingAreaErrorKind<Error>),
}
