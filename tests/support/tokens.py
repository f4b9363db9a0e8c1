"""Made-up tokens in the documented forms of their providers, and what only resembles one.

A form is a template: `<A36>` stands for 36 letters and digits, and no token stands in this file,
so that no scanner of a forge takes it for a leak.
"""

from __future__ import annotations

import random
import re
import string

DIGITS, LOWER, UPPER = string.digits, string.ascii_lowercase, string.ascii_uppercase
SIGNS = {
    "A": LOWER + UPPER + DIGITS,
    "L": LOWER + UPPER,
    "a": LOWER + DIGITS,
    "U": UPPER + DIGITS,
    "T": UPPER + "234567",
    "h": DIGITS + "abcdef",
    "d": DIGITS,
    "w": LOWER + UPPER + DIGITS + "_-",
    "b": LOWER + UPPER + DIGITS + "+/",
    "t": LOWER + UPPER + DIGITS + "~._-",
}
# By the name of the shape that has to find it.
FORMS: dict[str, tuple[str, ...]] = {
    "GitHub token": ("ghp_<A36>", "gho_<A36>", "ghu_<A36>", "ghs_<A36>", "ghr_<A76>",
                     "ghs_<d6>_<w200>.<w300>.<w86>"),
    "GitHub fine-grained token": ("github_pat_<A22>_<A59>", "github_pat_<U22>_<A59>",
                                  "github_pat_<A82>"),
    "GitLab token": ("glpat-<w20>", "glpat-<w27>.<h2>.<a9>", "gldt-<w20>", "glrt-<w20>",
                     "glptt-<h40>", "glcbt-<h2>_<w20>", "glsoat-<w20>", "glft-<w20>",
                     "glimt-<w25>", "glagent-<w50>"),
    "Telegram token": ("<d9>:AA<w33>", "<d10>:AA<w33>", "bot<d10>:AA<w33>"),
    "Anthropic key": ("sk-ant-api03-<w93>AA", "sk-ant-admin01-<w93>AA", "sk-ant-oat01-<w93>AA"),
    "OpenRouter key": ("sk-or-v1-<h64>", "sk-or-v1-<h64>", "sk-or-v1-<h64>"),
    "OpenAI key": ("sk-<A20>T3BlbkFJ<A20>", "sk-proj-<w74>T3BlbkFJ<w74>", "sk-svcacct-<w58>",
                   "sk-admin-<w58>T3BlbkFJ<w58>", "sk-<h32>", "sk-<a32>", "sk-<A48>",
                   "sk-nano-<h8>-<h4>-4<h3>-a<h3>-<h12>", "sk-None-<A20>T3BlbkFJ<A20>"),
    "key of a model provider": ("hf_<L34>", "hf_<A34>", "api_org_<L34>", "gsk_<A52>", "xai-<A80>",
                                "pplx-<A48>", "r8_<A37>", "csk-<a48>",
                                "cpk_<h32>.<h32>.<A32>", "tgp_v1_<w43>", "nvapi-<w64>"),
    "Google key": ("AIza<w35>", "AIzaSy<w33>", "AIzaSyD<w32>"),
    "Google OAuth secret": ("GOCSPX-<w28>", "ya29.a0<w160>", "1//0<w60>"),
    "AWS key": ("AKIA<T16>", "ASIA<T16>", "ABIA<T16>"),
    "Amazon Bedrock key": ("ABSK<b108>=", "ABSK<b120>", "ABSK<b109>=="),
    "Azure storage key": ("AccountKey=<b86>==", "SharedAccessKey=<b43>=", "accountkey=<b86>=="),
    "Azure client secret": ("<A3>8Q~<t34>", "<A3>7Q~<A31>", "<A3>8Q~<A33>"),
    "Azure shared access signature": ("?sv=2024-11-04&sig=<A40>%2B<A2>%3D", "&sig=<A43>%3D",
                                      "?sig=<A10>%2F<A31>%3D&se=2026"),
    "Slack token": ("xoxb-<d12>-<d13>-<A24>", "xoxp-<d12>-<d12>-<d12>-<h32>",
                    "xapp-1-A<U10>-<d13>-<h64>", "xoxe-1-<A146>", "xoxe.xoxp-1-<A150>",
                    "xoxs-<d12>-<d12>-<d12>-<h10>"),
    "webhook address": ("https://hooks.slack.com/services/T<U8>/B<U10>/<A24>",
                        "https://discord.com/api/webhooks/<d18>/<w68>",
                        "https://discordapp.com/api/webhooks/<d19>/<w68>"),
    "Discord token": ("M<A23>.<w6>.<w27>", "N<A25>.<w6>.<w38>", "O<A25>.<w6>.<w38>"),
    "payment key": ("sk_live_<A24>", "sk_test_<A99>", "rk_live_<A24>", "rk_test_<A99>",
                    "whsec_<A32>", "sq0atp-<w22>", "sq0csp-<w43>", "shpat_<h32>", "shpss_<h32>"),
    "token of a package registry": ("npm_<A36>", "pypi-AgEIcHlwaS5vcmc<w150>",
                                    "pypi-AgENdGVzdC5weXBpLm9yZw<w150>", "rubygems_<h48>",
                                    "cio<A32>", "oy2<a43>", "dckr_pat_<w27>", "AKCp<A69>"),
    "Twilio key": ("SK<h32>", "SK<h32>", "SK<h32>"),
    "mail provider key": ("SG.<w22>.<w43>", "key-<h32>", "xkeysib-<h64>-<A16>", "re_<A8>_<A24>"),
    "Mailchimp key": ("<h32>-us1", "<h32>-us14", "<h32>-us21"),
    "token of a cloud": ("dop_v1_<h64>", "doo_v1_<h64>", "dapi<h32>", "hvs.<w95>", "hvb.<w140>",
                         "HRKU-<h8>-<h4>-<h4>-<h4>-<h12>", "HRKU-AA<w58>", "fo1_<w43>",
                         "FlyV1 fm2_<b100>", "sbp_<h40>", "sb_secret_<w31>", "pscale_tkn_<w43>",
                         "nfp_<A36>", "dp.pt.<A43>", "pul-<h40>", "tskey-auth-k<A11>-<A32>"),
    "Terraform token": ("<A14>.atlasv1.<w67>", "<A14>.atlasv1.<w60>", "<A14>.atlasv1.<w70>"),
    "token of a team's tool": ("lin_api_<A40>", "ntn_<d11><A35>", "secret_<A43>",
                               "pat<A14>.<h64>", "ATATT3xFfGF0<w171>=<U8>", "figd_<w40>",
                               "PMAK-<h24>-<h34>", "ops_eyJ<w300>", "AGE-SECRET-KEY-1<U58>"),
    "token of a monitoring service": ("glsa_<A32>_<h8>", "glc_eyJ<A80>", "sntrys_eyJ<b100>_<w43>",
                                      "sntryu_<h64>", "NRAK-<U27>", "dt0c01.<U24>.<U64>",
                                      "phx_<A43>"),
    "JSON web token": ("eyJhbGciOiJIUzI1NiJ9.eyJ<w60>.<w43>", "eyJ<w34>.eyJ<w120>.<w342>",
                       "eyJ<w17>.eyJ<w200>.<w86>"),
    "private key": ("-----BEGIN RSA PRIVATE KEY-----\n<b64>\n<b64>\n-----END RSA PRIVATE KEY-----",
                    "-----BEGIN OPENSSH PRIVATE KEY-----\\n<b64>\\n<b64>\\n",
                    "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n<b64>\n=<b4>\n"
                    "-----END PGP PRIVATE KEY BLOCK-----",
                    "-----BEGIN EC PRIVATE KEY-----\n<b64>\n-----END EC PRIVATE KEY-----"),
    "URL with a password": ("https://maria:<A12>@example.com/x", "postgres://app:<A20>@db:5432/n",
                            "https://<A40>@github.com/o/r.git", "redis://:<A32>@cache:6379/0"),
    "authorization header": ("Authorization: Bearer <A12>", '"authorization": "Basic <A24>"',
                             "AUTHORIZATION=<A32>", "Authorization: token <h40>"),
    "bearer token": ("Bearer <A40>", "bearer  <w43>", "BEARER <b64>"),
}  # fmt: skip
# By the name of the shape that must not find it.
NOT: dict[str, tuple[str, ...]] = {
    "GitHub token": ("ghp_short", "ghx_<A36>", "high_<A36>"),
    "GitHub fine-grained token": ("github_pat_short", "github_path_<d30>", "github-pat-<d30>"),
    "GitLab token": ("glpat-short", "single-<w30>", "spangldt-<w30>", "glxx-<w30>"),
    "Telegram token": ("12:30:00", "port 8080:<a20>", "1234:<w36>", "2026-11-23T04:17:37.123456"),
    "Anthropic key": ("sk-ant-short", "task-ant-hill", "sk-anthology-of-everything-written"),
    "OpenRouter key": ("sk-or-v1-short", "sk-or-v2-<h64>", "task-or-v1"),
    "OpenAI key": ("sk-project", "sk-learn-is-a-library", "risk-<L20>"),
    "key of a model provider": ("hf_hub_download", "hf_transfer_is_not_installed_here_at_all",
                                "gsk_group_id", "r8_register_of_the_machine", "xai-research"),
    "Google key": ("AIza", "AIza<w20>", "aiza<w35>"),
    "Google OAuth secret": ("GOCSPX", "ya29.com", "1//0 is no number"),
    "AWS key": ("AKIA", "AKIA<U17>", "XAKIA<U16>"),
    "Amazon Bedrock key": ("ABSK", "ABSK<A40>", "XABSK<A110>"),
    "Azure storage key": ("AccountKey=...", "AccountKey=<b20>==", "account key"),
    "Azure client secret": ("Q~", "x8Q~short", "<A3>8Q~<A50>"),
    "Azure shared access signature": ("&sig=abc", "?sig=unknown", "config=<A43>"),
    "Slack token": ("xoxb-1", "xoxz-<d12>", "xox-games-are-fun"),
    "webhook address": ("https://hooks.slack.com/services/", "https://discord.com/api/webhooks/1",
                        "https://api.slack.com/methods/chat.postMessage"),
    "Discord token": ("Module.submod.function_of_the_module_that_is_long", "M.a.b",
                      "Nobody.writes.this_in_a_sentence_of_his_own"),
    "payment key": ("sk_live_", "risk_test_<A24>", "sk_test_key_of_the_docs"),
    "token of a package registry": ("npm_config_registry", "npm_package_config_foo_bar_baz_quux_no",
                                    "pypi-server", "precious" + "<a32>", "cio<A20>"),
    "Twilio key": ("SK<h20>", "TASK<h32>", "SK<U32>X"),
    "mail provider key": ("SG.a.b", "key-<h40>", "api-key-name", "re_compile_the_pattern_of_it"),
    "Mailchimp key": ("<h40>-us1", "en-us", "<h32>-user"),
    "token of a cloud": ("dop_v1_short", "dapi_version", "hvs.internal.example", "dp.pt.x"),
    "Terraform token": (".atlasv1.", "a.atlasv1.b", "<A14>.atlasv2.<w67>"),
    "token of a team's tool": ("secret_name_of_the_thing", "pattern.<h64>", "lin_api_url"),
    "token of a monitoring service": ("glsa_short", "glc_context", "sntryu_<h8>", "NRAK-short"),
    "JSON web token": ("eyJ.eyJ.x", "eyJhbGciOiJIUzI1NiJ9", "key.one.two"),
    "private key": ("-----BEGIN PUBLIC KEY-----", "BEGIN PRIVATE KEY",
                    "-----BEGIN CERTIFICATE-----"),
    "URL with a password": ("https://example.com:8080/a@b", "ssh://git@github.com/o/r",
                            "mail me @ a:b"),
    "authorization header": ("Authorization: required", "authorization: Bearer <token>",
                             "Authorization code flow"),
    "bearer token": ("Bearer of good news", "bearer tokens are used", "forbearer xxxxx"),
}  # fmt: skip
SETTINGS = (
    "{}", "export KEY={}", 'key: "{}"', "{{\"value\": \"{}\"}}", "E   AssertionError: '{}' != ''",
    "2026-11-23T04:17:37Z web: the answer was {} and no other", "line one\\n{}\\nline two",
    "`{}`", "\x1b[31m{}\x1b[0m", "-H 'X: {}'", "?a={}", "({})", "<td>{}</td>", "{}\r\n",
)  # fmt: skip


def made(form: str, chance: random.Random) -> str:
    """A token of that form."""

    def piece(match: re.Match[str]) -> str:
        return "".join(chance.choices(SIGNS[match[1]], k=int(match[2])))

    return re.sub(r"<([A-Za-z])(\d+)>", piece, form)


def secret_parts(form: str, token: str) -> list[str]:
    """What of the token chance made, as far as it is long enough to matter."""
    pattern = re.sub(
        r"<[A-Za-z]\d+>|[^<]+|<", lambda m: "(.+)" if m[0][-1:] == ">" and m[0][0] == "<"
        else re.escape(m[0]), form
    )  # fmt: skip
    match = re.fullmatch(pattern, token, re.DOTALL)
    assert match, form
    return [part for part in match.groups() if len(part) >= 12]
