//! Charts as SVG: lines over a logarithmic or linear axis, legible at the width of a README.
//!
//! ```
//! use host_plot::{Chart, Line, Panel, Role, Scale, Unit};
//!
//! let lru = Line { name: "lru".to_owned(), role: Role::Policy, points: vec![(10.0, 0.9), (1_000.0, 0.2)] };
//! let panel = Panel {
//!     x_label: "capacity, objects".to_owned(),
//!     y_label: "miss ratio, %".to_owned(),
//!     x: Scale::Log(Unit::Count),
//!     x_reaches: Vec::new(),
//!     lines: vec![lru],
//! };
//! let chart = Chart { title: "a trace".to_owned(), subtitle: String::new(), panels: vec![panel] };
//! assert!(host_plot::svg(&chart)?.contains("lru"));
//! # Ok::<(), host_plot::PlotError>(())
//! ```
//!
//! The chart is laid out here and drawn by `plotters`, without its text measures: without fonts it only guesses
//! them. So the legend has a margin of its own, right of the lines, where it can cover nothing. The canvas is twice
//! as large as it is meant to be seen, because `plotters` places points on whole pixels.
//!
//! A chart depends on its data alone: the same chart gives the same bytes on every machine.

mod axis;
mod error;
mod file;
mod marks;
mod ticks;

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Polygon};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle, WHITE};

use axis::Axis;
pub use error::PlotError;
pub use file::PlotFile;
use marks::Mark;
pub use ticks::{Scale, Unit};

/// What is drawn.
#[derive(Debug)]
pub struct Chart {
    /// In large letters.
    pub title: String,
    /// Below the title, smaller.
    pub subtitle: String,
    /// One below the other. They share the legend, so their lines have the same names in the same order.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Debug)]
pub struct Panel {
    /// Below the horizontal axis.
    pub x_label: String,
    /// Beside the vertical axis, which is in percent and starts at 0.
    pub y_label: String,
    /// The horizontal axis.
    pub x: Scale,
    /// Values that the horizontal axis reaches, also where no point lies.
    pub x_reaches: Vec<f64>,
    /// What is on it.
    pub lines: Vec<Line>,
}

/// Points from left to right.
#[derive(Debug)]
pub struct Line {
    /// For the legend.
    pub name: String,
    /// How it is drawn.
    pub role: Role,
    /// Horizontal value, and a share from 0 to 1.
    pub points: Vec<(f64, f64)>,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// In a colour and with a mark of its own.
    Policy,
    /// Grey, the area below it shaded: no line goes there.
    Limit,
    /// Grey.
    Reference,
}

/// Units of the canvas; half of them are pixels in a README.
const WIDTH: u32 = 1_640;
const PANEL_HEIGHT: u32 = 860;
const HEAD: u32 = 120;
const TEXT: f64 = 27.0;
const TITLE: f64 = 36.0;
const STROKE: u32 = 4;
/// Of the legend: a sample of the line, then the name.
const SAMPLE: i32 = 64;
const LEGEND_LINE: i32 = 46;
/// About so many marks on a line; more would hide it.
const MARKS: usize = 12;
/// Of so many lines on each other every one shows a mark.
const TOLD_APART: usize = 4;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT_INK: RGBColor = RGBColor(0x5c, 0x5c, 0x5c);
const LIMIT: RGBColor = RGBColor(0x8a, 0x8a, 0x8a);
const SHADE: RGBColor = RGBColor(0xec, 0xec, 0xec);
const GRID: RGBColor = RGBColor(0xd4, 0xd4, 0xd4);
const FAINT_GRID: RGBColor = RGBColor(0xef, 0xef, 0xef);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Axes<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

/// The chart as an SVG document.
///
/// # Errors
/// [`PlotError::Draw`].
pub fn svg(chart: &Chart) -> Result<String, PlotError> {
    let mut out = String::new();
    let panels = u32::try_from(chart.panels.len()).unwrap_or(u32::MAX);
    let height = panels.saturating_mul(PANEL_HEIGHT).saturating_add(HEAD);
    {
        let root = SVGBackend::with_string(&mut out, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let (head, body) = root.split_vertically(HEAD);
        let left = Pos::new(HPos::Left, VPos::Top);
        head.draw_text(&chart.title, &text(TITLE, INK, FontStyle::Bold).pos(left), (30, 20))?;
        head.draw_text(&chart.subtitle, &text(TEXT, FAINT_INK, FontStyle::Normal).pos(left), (30, 74))?;
        let names = chart.panels.iter().flat_map(|panel| &panel.lines).map(|line| line.name.chars().count());
        let legend = legend_width(names.max().unwrap_or(0));
        let areas = body.split_evenly((chart.panels.len(), 1));
        for (panel, area) in chart.panels.iter().zip(&areas) {
            let (plot, legend) = area.split_horizontally(WIDTH.saturating_sub(legend));
            draw_panel(panel, &plot)?;
            draw_legend(panel, &legend)?;
        }
        root.present()?;
    }
    Ok(out)
}

/// Wide enough for a name of so many letters, each as wide as a broad one.
fn legend_width(letters: usize) -> u32 {
    let letters = u32::try_from(letters).unwrap_or(u32::MAX).min(40);
    SAMPLE.unsigned_abs() + 60 + letters * 15
}

/// Text of so many units. The size that `plotters` is told is that of the line, not of the letters.
fn text(size: f64, color: RGBColor, style: FontStyle) -> TextStyle<'static> {
    let style = TextStyle::from((FontFamily::SansSerif, size * 1.24, style));
    TextStyle { color: color.to_backend_color(), ..style }
}

fn draw_panel(panel: &Panel, area: &Area<'_>) -> Result<(), PlotError> {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let x = Axis::over(panel.x, points().map(|(x, _)| *x).chain(panel.x_reaches.iter().copied()));
    let y = Axis::over(Scale::Percent, points().map(|(_, y)| y * 100.0));
    let mut chart = ChartBuilder::on(area)
        .margin_left(20)
        .margin_right(10)
        .margin_bottom(20)
        .margin_top(10)
        .x_label_area_size(88)
        .y_label_area_size(120)
        .build_cartesian_2d(x, y)?;
    // Shades lie under the grid, the grid under the lines.
    for line in panel.lines.iter().filter(|line| line.role == Role::Limit) {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { continue };
        let floor = [(last.0, 0.0), (first.0, 0.0)];
        let outline = line.points.iter().chain(&floor).map(|point| at(&chart, *point));
        area.draw(&Polygon::new(inside(area, outline), SHADE.filled()))?;
    }
    let label = text(TEXT, INK, FontStyle::Normal);
    chart
        .configure_mesh()
        .bold_line_style(ShapeStyle::from(&GRID).stroke_width(2))
        .light_line_style(ShapeStyle::from(&FAINT_GRID).stroke_width(2))
        .axis_style(ShapeStyle::from(&INK).stroke_width(2))
        .label_style(label.clone())
        .axis_desc_style(label)
        .x_desc(&panel.x_label)
        .y_desc(&panel.y_label)
        .draw()?;
    // The limit first: it is what the others are held against.
    let marks = panel.lines.iter().filter(|line| line.role == Role::Policy).count();
    for (line, mark) in marked(panel) {
        let path = line.points.iter().map(|point| at(&chart, *point));
        let path = inside(area, path);
        area.draw(&PathElement::new(path.clone(), mark.stroke(STROKE)))?;
        let step = path.len().div_ceil(MARKS).max(marks.min(TOLD_APART)).max(1);
        for point in path.iter().skip(mark.offset(step, marks)).step_by(step) {
            mark.draw(area, *point)?;
        }
    }
    Ok(())
}

/// Each line with its mark, in the order they are drawn in: what is asked for first ends on top.
fn marked(panel: &Panel) -> impl Iterator<Item = (&Line, Mark)> {
    let mut policies = 0;
    let mut marked: Vec<_> = Vec::with_capacity(panel.lines.len());
    for line in &panel.lines {
        if line.role == Role::Policy {
            marked.push((line, Mark::nth(policies)));
            policies += 1;
        } else {
            marked.push((line, Mark::plain(LIMIT)));
        }
    }
    marked.into_iter().rev()
}

/// Where a point of the data lies on the whole canvas.
fn at(chart: &Axes<'_, '_>, (along, share): (f64, f64)) -> (i32, i32) {
    chart.backend_coord(&(along, share * 100.0))
}

/// Points of the canvas as points of the area.
fn inside(area: &Area<'_>, points: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let (left, top) = area.get_base_pixel();
    points.map(|(x, y)| (x - left, y - top)).collect()
}

/// Names from top to bottom as the lines lie, by their means.
fn draw_legend(panel: &Panel, area: &Area<'_>) -> Result<(), PlotError> {
    let mut entries: Vec<_> = marked(panel).map(|(line, mark)| (mean(line), line, mark)).collect();
    entries.sort_by(|(a, one, _), (b, other, _)| b.total_cmp(a).then_with(|| one.name.cmp(&other.name)));
    let middle = Pos::new(HPos::Left, VPos::Center);
    let mut y = 34;
    for (_, line, mark) in &entries {
        if line.role == Role::Limit {
            let box_ = vec![(20, y), (20 + SAMPLE, y), (20 + SAMPLE, y + 16), (20, y + 16)];
            area.draw(&Polygon::new(box_, SHADE.filled()))?;
        }
        area.draw(&PathElement::new(vec![(20, y), (20 + SAMPLE, y)], mark.stroke(STROKE)))?;
        mark.draw(area, (20 + SAMPLE / 2, y))?;
        let style = text(TEXT, INK, FontStyle::Normal).pos(middle);
        area.draw_text(&line.name, &style, (20 + SAMPLE + 16, y))?;
        y += LEGEND_LINE;
    }
    Ok(())
}

fn mean(line: &Line) -> f64 {
    let count = u32::try_from(line.points.len().max(1)).unwrap_or(u32::MAX);
    line.points.iter().map(|(_, share)| share).sum::<f64>() / f64::from(count)
}
