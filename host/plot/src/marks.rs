//! Colours and marks of lines: told apart by either, also in print and by the colour-blind.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, Polygon};
use plotters::style::{Color, RGBColor, ShapeStyle, WHITE};

use crate::PlotError;

/// Okabe and Ito's colours ("Color Universal Design", 2008) but for yellow, which white drowns.
const COLORS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];

/// Half the width of a mark, in units of the canvas.
const RADIUS: i32 = 8;

/// Corners as shares of the radius in sevenths, so that they stay whole numbers.
const SHAPES: [&[(i32, i32)]; 5] = [
    &[],                                   // a circle
    &[(-6, -6), (6, -6), (6, 6), (-6, 6)], // a square
    &[(0, -8), (8, 6), (-8, 6)],           // a triangle
    &[(0, -9), (9, 0), (0, 9), (-9, 0)],   // a diamond
    &[(0, 8), (8, -6), (-8, -6)],          // a triangle on its tip
];

/// How one line looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    color: RGBColor,
    /// Index of the shape; none for a line without marks.
    shape: Option<usize>,
    hollow: bool,
    nth: usize,
}

impl Mark {
    /// Of the `nth` line, from 0. Colours repeat after 7, shapes after 5, and from the 8th on marks are hollow: the first
    /// 70 differ.
    pub(crate) fn nth(nth: usize) -> Self {
        let color = COLORS.get(nth % COLORS.len()).copied().unwrap_or_default();
        Self { color, shape: Some(nth % SHAPES.len()), hollow: nth / COLORS.len() % 2 == 1, nth }
    }

    /// A line without marks.
    pub(crate) fn plain(color: RGBColor) -> Self {
        Self { color, shape: None, hollow: false, nth: 0 }
    }

    pub(crate) fn stroke(self, width: u32) -> ShapeStyle {
        self.color.stroke_width(width)
    }

    /// The first of every `step` points that carries a mark: another one for each of `lines`, so that lines
    /// that lie on each other still show.
    pub(crate) fn offset(self, step: usize, lines: usize) -> usize {
        self.nth * step / lines.max(1) % step
    }

    /// Draws the mark at a point, nothing for a line without.
    pub(crate) fn draw(
        self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        (x, y): (i32, i32),
    ) -> Result<(), PlotError> {
        let Some(corners) = self.shape.and_then(|shape| SHAPES.get(shape)) else { return Ok(()) };
        let outer = |scale: i32| -> Vec<(i32, i32)> {
            corners.iter().map(|(dx, dy)| (x + dx * scale / 10, y + dy * scale / 10)).collect()
        };
        let layer = |color: RGBColor, scale: i32| -> Result<(), PlotError> {
            if corners.is_empty() {
                area.draw(&Circle::new((x, y), RADIUS * scale / 10 - 1, color.filled()))?;
            } else {
                area.draw(&Polygon::new(outer(scale), color.filled()))?;
            }
            Ok(())
        };
        layer(self.color, 13)?;
        if self.hollow {
            layer(WHITE, 7)?;
        }
        Ok(())
    }
}
