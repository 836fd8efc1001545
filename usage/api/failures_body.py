"""The Failures page as JSON (docs/api.md)."""

from collections.abc import Mapping, Sequence

from monitoring.api.instants import iso
from usage.api.summary_body import Body, period_body
from usage.failure_report.bodies import Body as FailureBody
from usage.failure_report.report import ClassCounts, Line, Matrix, Report, ReportQuery
from usage.history.windows import Interval


def failures_body(
    query: ReportQuery, found: Report, newest: Mapping[str, Sequence[FailureBody]]
) -> Body:
    """`GET /api/usage/failures`."""
    return {
        "data": {
            "period": period_body(query.period),
            "attempts": found.attempts,
            "failed": found.failed,
            "previous": {
                "period": _interval(query.before),
                "attempts": found.attempts_before,
                "failed": found.failed_before,
            },
            "bucket": query.bucket.value,
            "starts": [iso(bucket.start, "auto") for bucket in found.buckets],
            "classes": [
                _class(counted, found, newest.get(counted.failure_class, ()))
                for counted in found.classes
            ],
            "by": {matrix.dimension.value: _matrix(matrix) for matrix in found.matrices},
        },
        "isAdmin": query.scope.sees_everything,
    }


def _interval(interval: Interval) -> Body:
    return {"from": iso(interval.start), "to": iso(interval.end)}


def _class(counted: ClassCounts, found: Report, newest: Sequence[FailureBody]) -> Body:
    guidance = counted.guidance
    first = next(number for number, count in enumerate(counted.points) if count)
    return {
        "failureClass": guidance.failure_class.value,
        "failureGroup": guidance.group.value,
        "count": counted.count,
        "previousCount": counted.before,
        "share": round(counted.count / found.failed, 6),
        "firstSeen": _interval(found.buckets[first]),
        "lastSeen": iso(newest[0].at) if newest else None,
        "meaning": str(guidance.meaning),
        "whatToDo": str(guidance.action),
        "values": list(counted.points),
        "newest": [_failure(body) for body in newest],
    }


def _failure(body: FailureBody) -> Body:
    return {
        "id": str(body.event_id),
        "timestamp": iso(body.at),
        "model": body.model,
        "failStatus": body.status,
        "failBody": body.text,
        "isCut": body.is_cut,
    }


def _matrix(matrix: Matrix) -> Body:
    named = [_line(line) for line in matrix.lines if line.name]
    rest = next((line for line in matrix.lines if line.name is None), None)
    return {"groups": named, "rest": {**_line(rest), "groups": rest.others} if rest else None}


def _line(line: Line) -> Body:
    name = {"value": line.name.value, "label": line.name.label} if line.name else {}
    return {**name, "failed": line.total, "failureClasses": dict(line.counts)}
