"""What waits until a caller has the response, and what does not."""

from threading import Thread

import pytest
from django.core.signals import request_finished
from django.http import HttpResponse
from django.test import RequestFactory

from monitoring.logs.afterwards import afterwards, begin
from monitoring.metrics import http
from monitoring.metrics.requests import RequestAccountMiddleware

# The end of a request closes what connections other tests left.
pytestmark = pytest.mark.django_db


def end_of_request() -> None:
    request_finished.send(sender=None)


def test_what_is_left_is_done_in_order_once_the_response_is_closed():
    done: list[int] = []
    begin()
    for number in (1, 2):
        afterwards(lambda number=number: done.append(number))
    assert done == []
    end_of_request()
    end_of_request()
    assert done == [1, 2]


def test_nothing_waits_without_a_request():
    done: list[str] = []
    begin()
    end_of_request()
    afterwards(lambda: done.append("its response is closed"))
    elsewhere = Thread(target=afterwards, args=(lambda: done.append("another thread"),))
    elsewhere.start()
    elsewhere.join()
    assert done == ["its response is closed", "another thread"]


def test_a_request_that_was_never_closed_loses_nothing():
    done: list[int] = []
    begin()
    afterwards(lambda: done.append(1))
    begin()
    assert done == [1]
    end_of_request()


def test_a_request_is_counted_once_its_response_is_closed(rf: RequestFactory, monkeypatch):
    counted: list[int] = []
    monkeypatch.setattr(
        http, "count", lambda route, method, status, *_, **__: counted.append(status)
    )
    response = RequestAccountMiddleware(lambda _: HttpResponse(status=204))(rf.get("/"))
    assert counted == []
    response.close()
    assert counted == [204]
