"""Finds secrets that nobody told us by their shape: providers' tokens, and telling names (S16).

Measured against detect-secrets by `python -m tests.bench.redaction`; the numbers stand there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from orchestrator.records import regex
from orchestrator.texts.unseen import Span, View

ENTROPY = 3.5  # bits a character; words and identifiers stay below

# Nothing that a token could go on from stands before it; an escaped line end is not such a thing.
ALONE = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
END = r"(?![A-Za-z0-9])"
LONGEST = 400  # characters of a token that does not begin with a literal


class Shape(NamedTuple):
    """What a token looks like, and the literals by which it is found.

    Looking for a literal is quick, and most texts hold none: then the pattern is not even
    compiled. A token with one of `literals` is a long word or part of it (`View.words`); `torn`
    are those of tokens that may be shorter or hold other signs. A match begins `before` or fewer
    characters before a literal; `any_case` says that the literals are in lower case and stand for
    every spelling; `often`, that the one literal is in every other line, and the pattern, which
    begins with it, finds it quicker. A group `secret` is what has to go; without one it is the
    whole match.
    """

    pattern: re.Pattern[str]
    literals: tuple[str, ...]
    torn: tuple[str, ...] = ()
    before: int = 0
    any_case: bool = False
    often: bool = False

    def matches(self, view: View) -> Iterator[re.Match[str]]:
        """All tokens of this shape in the view."""
        if self.often:
            yield from self.pattern.finditer(view.text)
            return
        among = view.lowered if self.any_case else view.text
        for literal in (*self.literals, *self.torn):
            place = among.find(literal)
            while place >= 0:
                match = self._around(view.text, place)
                if match:
                    yield match
                place = among.find(literal, max(place + 1, match.end() if match else 0))

    def _around(self, text: str, place: int) -> re.Match[str] | None:
        if not self.before:
            return self.pattern.match(text, place)
        starts = range(max(0, place - self.before), place + 1)
        tried = (self.pattern.match(text, start, place + LONGEST) for start in starts)
        return next(filter(None, tried), None)


def shape(pattern: str, *literals: str, torn: tuple[str, ...] = (), before: int = 0) -> Shape:
    return Shape(regex.late(pattern), literals, torn, before)


def torn(pattern: str, *literals: str, often: bool = False) -> Shape:
    return Shape(regex.late(pattern), (), literals, often=often)


def spelled_anyhow(pattern: str, *literals: str) -> Shape:
    return Shape(regex.late(f"(?i:{pattern})"), (), literals, any_case=True)


SHAPES = {
    "GitHub token": shape(
        r"gh[pousr]_[A-Za-z0-9._-]{36,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"
    ),
    "GitHub fine-grained token": shape(r"github_pat_\w{22,}", "github_pat_"),
    "GitLab token": shape(
        ALONE + r"gl(?:pat|dt|rt|rtr|ptt|cbt|imt|agent|ft|ffct|oas|soat)-[A-Za-z0-9_.-]{20,}",
        "glpat-", "gldt-", "glrt-", "glrtr-", "glptt-", "glcbt-", "glimt-", "glagent-", "glft-",
        "glffct-", "gloas-", "glsoat-",
    ),
    # No \b in front: after "/bot" there is none. What stays is a part of the bot's public number.
    "Telegram token": shape(
        r"\d:(?<=\d{5}:)[A-Za-z0-9_-]{30,}", *(f"{digit}:" for digit in range(10))
    ),
    "Anthropic key": shape(r"sk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    "OpenRouter key": shape(r"sk-or-v1-[A-Za-z0-9]{32,}", "sk-or-v1-"),
    "OpenAI key": shape(
        r"sk-(?:(?:proj|svcacct|admin|None|nano)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})", "sk-"
    ),
    "key of a model provider": shape(
        ALONE + r"(?:hf_[A-Za-z]{30,}|hf_[A-Za-z0-9]{34,}|api_org_[A-Za-z]{34}|gsk_[A-Za-z0-9]{40,}"
        r"|xai-[A-Za-z0-9]{60,}|pplx-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37,}|csk-[a-z0-9]{40,}"
        r"|cpk_[a-f0-9]{32}\.[A-Za-z0-9.]{32,}|tgp_v1_[A-Za-z0-9_-]{40,}|nvapi-[A-Za-z0-9_-]{60,})",
        "hf_", "api_org_", "gsk_", "xai-", "pplx-", "r8_", "csk-", "cpk_", "tgp_v1_", "nvapi-",
    ),
    "Google key": shape(r"AIza[A-Za-z0-9_-]{35,}", "AIza"),
    "Google OAuth secret": shape(
        ALONE + r"(?:GOCSPX-[A-Za-z0-9_-]{24,}|ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,})",
        "GOCSPX-", "ya29.", torn=("1//0",),
    ),
    "AWS key": torn(
        r"(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
        "AKIA", "ASIA", "ABIA", "ACCA",
    ),
    "Amazon Bedrock key": torn(ALONE + r"ABSK[A-Za-z0-9+/]{100,}={0,2}", "ABSK"),
    "Azure storage key": spelled_anyhow(
        r"(?:account|access)key=(?P<secret>[a-z0-9+/]{42,86}={1,2})", "accountkey=", "accesskey="
    ),
    "Azure client secret": shape(
        r"(?:(?<![A-Za-z0-9_~.-])|(?<=\\[nrt]))[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])",
        "Q~", before=4,
    ),
    "Azure shared access signature": torn(
        r"sig=(?P<secret>[A-Za-z0-9/+]{0,80}(?:%[0-9A-Fa-f]{2}[A-Za-z0-9/+]*){1,12}"
        r"|[A-Za-z0-9/+]{43}=)",
        "sig=",
    ),
    "Slack token": torn(
        r"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}", "xox", "xapp-"
    ),
    "webhook address": spelled_anyhow(
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)"
        r"|/api/webhooks|webhook\.office\.com/webhookb2)"
        r"/(?P<secret>[A-Za-z0-9_/@-]{24,})",
        "hooks.slack.com/", "/api/webhooks/", "webhook.office.com/",
    ),
    "Discord token": shape(
        ALONE + r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        "M", "N", "O",
    ),
    "payment key": shape(
        ALONE + r"(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{32,}"
        r"|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32})",
        "sk_live_", "sk_test_", "rk_live_", "rk_test_", "sq0", "shpat_", "shpca_", "shppa_",
        "shpss_", torn=("whsec_",),
    ),
    "token of a package registry": shape(
        ALONE + r"(?:npm_[A-Za-z0-9]{36,}|pypi-AgE[A-Za-z0-9_-]{40,}|rubygems_[a-f0-9]{48}"
        r"|cio[A-Za-z0-9]{32}" + END + r"|oy2[a-z0-9]{43}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}"
        r"|AKCp[A-Za-z0-9]{60,})",
        "npm_", "pypi-AgE", "rubygems_", "cio", "oy2", "dckr_pat_", "dckr_oat_", "AKCp",
    ),
    "Twilio key": shape(ALONE + r"SK[0-9a-f]{32}" + END, "SK"),
    "mail provider key": shape(
        ALONE + r"(?:SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}|key-[0-9a-f]{32}" + END
        + r"|xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}|re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,})",
        "SG.", "key-", "xkeysib-", "re_",
    ),
    "Mailchimp key": shape(ALONE + r"[0-9a-f]{32}-us\d{1,2}" + END, "-us", before=33),
    "token of a cloud": shape(
        ALONE + r"(?:do[opr]_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}(?:-\d)?|hv[sbr]\.[A-Za-z0-9_-]{24,}"
        r"|HRKU-[A-Za-z0-9_-]{36,}"
        r"|FlyV1\ fm\d_[A-Za-z0-9+/=,_-]{60,}|fo1_[A-Za-z0-9_-]{43}|sbp_[a-f0-9]{40}"
        r"|sb_secret_[A-Za-z0-9_-]{30,}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,}"
        r"|nfp_[A-Za-z0-9]{36,}|dp\.(?:pt|st|sa|ct|scim|audit)\.[A-Za-z0-9._-]{40,}"
        r"|pul-[a-f0-9]{40}|tskey-[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{16,})",
        "dop_v1_", "doo_v1_", "dor_v1_", "dapi", "hvs.", "hvb.", "hvr.", "HRKU-", "fo1_", "sbp_",
        "sb_secret_", "pscale_", "nfp_", "dp.", "pul-", "tskey-", torn=("FlyV1",),
    ),
    "Terraform token": shape(
        ALONE + r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", ".atlasv1.", before=15
    ),
    "token of a team's tool": shape(
        ALONE
        + r"(?:lin_(?:api|oauth)_[A-Za-z0-9]{40,}|ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43}"
        + END + r"|pat[A-Za-z0-9]{14}\.[a-f0-9]{64}|ATATT3[A-Za-z0-9_=-]{60,}"
        r"|figd_[A-Za-z0-9_-]{40,}"
        r"|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|ops_eyJ[A-Za-z0-9_-]{100,}"
        r"|AGE-SECRET-KEY-1[A-Z0-9]{58})",
        "lin_api_", "lin_oauth_", "ntn_", "secret_", "pat", "ATATT3", "figd_", "PMAK-", "ops_eyJ",
        "AGE-SECRET-KEY-1",
    ),
    "token of a monitoring service": shape(
        ALONE + r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/=]{40,}"
        r"|sntr(?:ys_eyJ[A-Za-z0-9+/=_-]{40,}|yu_[a-f0-9]{64})|NRAK-[A-Z0-9]{27}|dt0c01\.[A-Z0-9]{24}"
        r"\.[A-Z0-9]{64}|phx_[A-Za-z0-9]{40,})",
        "glsa_", "NRAK-", "dt0c01.", "phx_", torn=("glc_", "sntry"),
    ),
    "JSON web token": shape(
        r"eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", "eyJ"
    ),
    "private key": torn(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:(?!-----BEGIN )(?s:.)){0,20000}?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r"|[\w+/=\s\\:,.-]*)",
        "-----BEGIN ",
    ),
    "URL with a password": torn(
        r"://(?P<secret>[^\s/:@'\"]*:[^\s/@'\"]+|[^\s/:@'\"]{20,})@", "://", often=True
    ),
    "authorization header": spelled_anyhow(
        r"authorization[\"']?\s*[:=]\s*[\"']?"
        r"(?:(?:bearer|basic|token|digest)\s+[\w+/=.~-]{6,}|[\w+/=.~-]{20,})",
        "authorization",
    ),
    "bearer token": spelled_anyhow(ALONE + r"bearer\s+[a-z0-9_+/=.~-]{20,}", "bearer"),
}
# `name = value` where the name promises a secret; the value must look like one.
NAMES = ("token", "secret", "passw", "apikey", "api_key", "api-key", "accesskey", "access_key",
         "access-key", "privatekey", "private_key", "private-key")  # fmt: skip
ASSIGNED = regex.late(
    r"[\w.-]{0,60}+[\"']?\s*(?:=|:|=>|:=)\s*[\"']?(?P<value>[A-Za-z0-9+/_=.~-]{12,400}+)(?![(\[])"
)
REST = regex.late(r"[A-Za-z0-9+/_=.~-]*")  # of a longer value, judged by its beginning
IN_WORDS = [(name, literal) for name, looks in SHAPES.items() for literal in looks.literals]
TORN = [(looks.any_case, name, literal) for name, looks in SHAPES.items() for literal in looks.torn]


def found(view: View) -> Iterator[tuple[str, Span]]:
    """Each token that a provider's shape gives away, with its name and place."""
    among, words = (view.text, view.lowered), view.words
    likely = {name for any_case, name, literal in TORN if literal in among[any_case]}
    if words:
        likely |= {name for name, literal in IN_WORDS if literal in words}
    for name, looks in SHAPES.items():
        if name in likely:
            for match in looks.matches(view):
                secret = match.span("secret" if match.re.groupindex else 0)
                yield name, view.placed(secret)


def assigned(view: View) -> Iterator[Span]:
    """Values behind a name that promises a secret, where they look random."""
    for name in NAMES:
        start = view.lowered.find(name)
        while start >= 0:
            after = start + len(name)
            match = ASSIGNED.match(view.text, after)
            if match and random(match["value"]):
                rest = REST.match(view.text, match.end())
                after = rest.end() if rest else match.end()
                yield view.placed((match.start("value"), after))
            start = view.lowered.find(name, after)


def random(value: str) -> bool:
    """Whether no person thought the value up: digits among letters, and few repetitions."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return mixed and entropy(value) >= min(ENTROPY, math.log2(len(value)) - 0.5)


def entropy(value: str) -> float:
    shares = [value.count(c) / len(value) for c in set(value)]
    return -sum(share * math.log2(share) for share in shares)
