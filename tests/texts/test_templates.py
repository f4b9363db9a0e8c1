"""Templates are filled wholly, or not at all."""

from __future__ import annotations

import pytest

from orchestrator.texts import templates


def test_a_template_whose_places_do_not_fit_is_an_error():
    assert templates.fill("repair", reason="$x ${y}").count("$x ${y}") == 1
    with pytest.raises(templates.TemplateError, match="reason missing"):
        templates.fill("repair")
    with pytest.raises(templates.TemplateError, match="more missing"):
        templates.fill("repair", reason="r", more="m")
