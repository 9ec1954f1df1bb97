//! Dates and times. A value keeps its own offset unless a zone is named; nothing here knows what time it is.

use super::super::SyntaxError;
use super::super::value::rhai_kind;
use super::{Context, Function, text_of, whole};
use crate::document::suggest;
use crate::domain::parse_datetime;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use rhai::{Dynamic, Position};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "date",
        "value, format[, zone][, language]",
        (2, 4),
        date,
        "a date or time in a format of %d, %m, %Y, %H, %M, %A, %B …",
        "date(trip.starts_at, \"%-d %B %Y\", \"Pacific/Honolulu\") is \"22 January 2015\"",
    ),
    Function::new(
        "iso_date",
        "value[, zone]",
        (1, 2),
        iso_date,
        "its day",
        "iso_date(\"2015-01-22T11:30:00-1000\") is \"2015-01-22\"",
    ),
    Function::new(
        "epoch_ms",
        "value",
        (1, 1),
        epoch_ms,
        "milliseconds since 1970",
        "epoch_ms(\"1970-01-01T00:00:01Z\") is 1000",
    ),
    Function::new(
        "date_add",
        "value, count, unit",
        (3, 3),
        date_add,
        "moved by years, months, weeks, days, hours, minutes or seconds",
        "date_add(\"2015-01-22\", 1, \"days\") is \"2015-01-23\"",
    ),
    Function::new(
        "days_between",
        "one, other",
        (2, 2),
        days_between,
        "days from the one to the other",
        "days_between(\"2015-01-22\", \"2015-02-01\") is 10",
    ),
];

/// A point in time as far as a payload tells it.
enum Moment {
    At(Zoned),
    /// A date and time without an offset.
    Local(DateTime),
    Day(Date),
}

fn read(value: &Dynamic) -> Result<Moment, String> {
    if let Ok(millis) = value.as_int() {
        let time = Timestamp::from_millisecond(millis).map_err(|_| format!("`{millis}` is no time"))?;
        return Ok(Moment::At(time.to_zoned(TimeZone::UTC)));
    }
    let text = text_of(value).map_err(|_| format!("a date is needed, and this is {}", rhai_kind(value)))?;
    let text = text.trim();
    if let Some(zoned) = parse_datetime(text) {
        return Ok(Moment::At(zoned));
    }
    if text.len() == 10
        && let Ok(day) = text.parse()
    {
        return Ok(Moment::Day(day));
    }
    text.parse()
        .map(Moment::Local)
        .map_err(|_| format!("`{text}` is no date; one is written 2026-11-22 or 2026-11-22T10:00:00+01:00"))
}

fn zone(name: &str) -> Result<TimeZone, SyntaxError> {
    TimeZone::get(name.trim()).map_err(|_| {
        let error = SyntaxError::new(format!("There is no time zone `{name}`."), 0);
        let all: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        // Regions are alike everywhere; it is the city that is misspelt.
        let city = |zone: &str| zone.rsplit('/').next().unwrap_or(zone).to_owned();
        let cities: Vec<String> = all.iter().map(|zone| city(zone)).collect();
        let near = suggest(&city(name), cities.iter().map(String::as_str));
        let near = near.and_then(|near| all.iter().find(|zone| city(zone) == near));
        match near {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error.hint("zones are named like \"Pacific/Honolulu\" or \"Europe/Berlin\""),
        }
    })
}

fn told(error: SyntaxError) -> String {
    let message = error.message.trim_end_matches('.').to_owned();
    match error.hint {
        Some(hint) => format!("{message} ({hint})"),
        None => message,
    }
}

fn zone_argument(value: Option<&Dynamic>) -> Result<Option<TimeZone>, String> {
    match value.filter(|value| !value.is_unit()) {
        Some(name) => zone(&text_of(name)?).map(Some).map_err(told),
        None => Ok(None),
    }
}

/// With a zone, a moment moves to it, and a time without offset is meant there; a mere day stays what it is.
fn placed(moment: Moment, zone: Option<TimeZone>) -> Result<Zoned, String> {
    let utc =
        |time: DateTime| time.to_zoned(TimeZone::UTC).map_err(|_| "the date is out of range".to_owned());
    match (moment, zone) {
        (Moment::At(time), Some(zone)) => Ok(time.with_time_zone(zone)),
        (Moment::At(time), None) => Ok(time),
        (Moment::Local(time), Some(zone)) => {
            time.to_zoned(zone).map_err(|_| "the date is out of range".to_owned())
        }
        (Moment::Local(time), None) => utc(time),
        (Moment::Day(day), _) => utc(day.to_datetime(jiff::civil::Time::midnight())),
    }
}

fn date(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let format = text_of(arguments[1])?;
    let mut rest: Vec<String> = Vec::new();
    for argument in arguments[2..].iter().filter(|argument| !argument.is_unit()) {
        rest.push(text_of(argument)?);
    }
    let (zone_name, language_name) = zone_and_language(&rest.iter().map(String::as_str).collect::<Vec<_>>());
    let zone = zone_name.map(zone).transpose().map_err(told)?;
    let language = language_name.map(language).transpose().map_err(told)?.unwrap_or(&LANGUAGES[0]);
    let time = placed(read(arguments[0])?, zone)?;
    formatted(&format, &time, language).map(Into::into).map_err(told)
}

/// The third argument is a language where it names one and is the last.
fn zone_and_language<'t>(rest: &[&'t str]) -> (Option<&'t str>, Option<&'t str>) {
    match rest {
        [] => (None, None),
        [one] if language(one).is_ok() => (None, Some(one)),
        [one] => (Some(one), None),
        [one, two, ..] => (Some(one), Some(two)),
    }
}

fn formatted(format: &str, time: &Zoned, language: &Language) -> Result<String, SyntaxError> {
    let month = usize::from(time.month().unsigned_abs()) - 1;
    let day = usize::from(time.weekday().to_monday_zero_offset().unsigned_abs());
    let mut ours = String::with_capacity(format.len());
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            ours.push(c);
            continue;
        }
        match chars.next() {
            Some('B') => ours.push_str(language.months[month]),
            Some('b' | 'h') => ours.extend(language.months[month].chars().take(language.short_month)),
            Some('A') => ours.push_str(language.days[day]),
            Some('a') => ours.extend(language.days[day].chars().take(language.short_day)),
            Some(other) => ours.extend(['%', other]),
            None => ours.push('%'),
        }
    }
    strtime::format(&ours, time).map_err(|_| {
        SyntaxError::new(format!("`{format}` is no format of dates."), 0)
            .hint("%d day, %m month, %Y year, %H:%M time, %A weekday, %B month's name; %% is a percent sign")
    })
}

/// Checks zones, languages and formats that are written out.
pub(super) fn check(literals: &[Option<(&str, Position)>]) -> Result<(), (SyntaxError, Option<Position>)> {
    if let Some(Some((format, at))) = literals.get(1) {
        formatted(format, &Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC), &LANGUAGES[0])
            .map_err(|error| (error, Some(*at)))?;
    }
    match literals.get(2..).unwrap_or_default() {
        [Some((one, at))] if language(one).is_err() => {
            zone(one).map(drop).map_err(|error| (error, Some(*at)))
        }
        [first, Some((two, at))] => {
            if let Some((one, at)) = first {
                zone(one).map_err(|error| (error, Some(*at)))?;
            }
            language(two).map(drop).map_err(|error| (error, Some(*at)))
        }
        [Some((one, at)), None] => zone(one).map(drop).map_err(|error| (error, Some(*at))),
        _ => Ok(()),
    }
}

fn iso_date(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let time = placed(read(arguments[0])?, zone_argument(arguments.get(1).copied())?)?;
    Ok(time.date().to_string().into())
}

fn epoch_ms(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    match read(arguments[0])? {
        Moment::At(time) => Ok(time.timestamp().as_millisecond().into()),
        other => Ok(placed(other, None)?.timestamp().as_millisecond().into()),
    }
}

fn date_add(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    let count = whole(arguments[1])?;
    let unit = text_of(arguments[2])?;
    let span = Span::new();
    let span = match unit.trim().trim_end_matches('s') {
        "year" => span.try_years(count),
        "month" => span.try_months(count),
        "week" => span.try_weeks(count),
        "day" => span.try_days(count),
        "hour" => span.try_hours(count),
        "minute" => span.try_minutes(count),
        "second" => span.try_seconds(count),
        _ => {
            return Err(format!(
                "`{unit}` is no unit; there are years, months, weeks, days, hours, minutes and seconds"
            ));
        }
    };
    let far = |_: jiff::Error| "that is too far away".to_owned();
    let span = span.map_err(far)?;
    match read(arguments[0])? {
        Moment::At(time) => {
            let time = time.checked_add(span).map_err(far)?;
            if arguments[0].is_int() {
                return Ok(time.timestamp().as_millisecond().into());
            }
            Ok(time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string().into())
        }
        Moment::Local(time) => {
            Ok(time.checked_add(span).map_err(far)?.strftime("%Y-%m-%dT%H:%M:%S").to_string().into())
        }
        Moment::Day(day) if unit.starts_with(['h', 's']) || unit.starts_with("min") => {
            let time = day.to_datetime(jiff::civil::Time::midnight()).checked_add(span).map_err(far)?;
            Ok(time.strftime("%Y-%m-%dT%H:%M:%S").to_string().into())
        }
        Moment::Day(day) => Ok(day.checked_add(span).map_err(far)?.to_string().into()),
    }
}

fn days_between(_: &Context<'_>, arguments: &[&Dynamic]) -> Result<Dynamic, String> {
    if arguments[1].is_unit() {
        return Ok(Dynamic::UNIT);
    }
    let one = placed(read(arguments[0])?, None)?.date();
    let other = placed(read(arguments[1])?, None)?.date();
    let span = one.until(other).map_err(|_| "these are too far from each other".to_owned())?;
    Ok(i64::from(span.get_days()).into())
}

/// Names of months and days.
struct Language {
    code: &'static str,
    months: [&'static str; 12],
    days: [&'static str; 7],
    short_month: usize,
    short_day: usize,
}

fn language(name: &str) -> Result<&'static Language, SyntaxError> {
    let code = name.trim().to_lowercase();
    let code = code.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.iter().find(|language| language.code == code).ok_or_else(|| {
        let known: Vec<&str> = LANGUAGES.iter().map(|language| language.code).collect();
        SyntaxError::new(format!("The language `{name}` is not known here."), 0)
            .hint(format!("there are {}", known.join(", ")))
    })
}

static LANGUAGES: [Language; 7] = [
    Language {
        code: "en",
        months: [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        short_month: 3,
        short_day: 3,
    },
    Language {
        code: "de",
        months: [
            "Januar",
            "Februar",
            "März",
            "April",
            "Mai",
            "Juni",
            "Juli",
            "August",
            "September",
            "Oktober",
            "November",
            "Dezember",
        ],
        days: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        short_month: 3,
        short_day: 2,
    },
    Language {
        code: "fr",
        months: [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        days: ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
        short_month: 4,
        short_day: 3,
    },
    Language {
        code: "es",
        months: [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        days: ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
        short_month: 3,
        short_day: 3,
    },
    Language {
        code: "it",
        months: [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        days: ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
        short_month: 3,
        short_day: 3,
    },
    Language {
        code: "nl",
        months: [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        days: ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
        short_month: 3,
        short_day: 2,
    },
    Language {
        code: "pt",
        months: [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
        days: [
            "segunda-feira",
            "terça-feira",
            "quarta-feira",
            "quinta-feira",
            "sexta-feira",
            "sábado",
            "domingo",
        ],
        short_month: 3,
        short_day: 3,
    },
];
