# What every program in bin/ does first: sourced, never run. Rule C1 of the house.
# The same under cron (no PATH worth the name, no tty, perhaps no HOME) as under a person's hands.

set -euo pipefail
umask 077
ROOT=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd -- "$ROOT"

VENV=$ROOT/.venv
INSTALLED=$VENV/requirements.installed # a copy of what was installed: the stamp
INSTALLING=$VENV/installing            # stands while an install of ours is not finished

say() { printf '%s\n' "$*" >&2; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# --- where programs are found ---------------------------------------------------------------

on_path() { case ":$PATH:" in *":$1:"*) return 0 ;; *) return 1 ;; esac; }

# Every folder that a person's shell would have had, newest first where there are several.
local_folders() {
    local node_versions=${NVM_DIR:-$HOME/.nvm}/versions/node prefix=""
    printf '%s\n' "$HOME/.local/bin" "$HOME/bin"
    if [ -r "$HOME/.npmrc" ]; then
        prefix=$(sed -n 's/^prefix *= *//p' "$HOME/.npmrc" | tail -n 1)
        prefix=${prefix/#\~/$HOME}
        printf '%s\n' "${prefix//'${HOME}'/$HOME}/bin"
    fi
    printf '%s\n' "${NPM_CONFIG_PREFIX:-$HOME/.npm-global}/bin" "$HOME/.npm/bin" \
        "$HOME/.npm-packages/bin"
    if [ -d "$node_versions" ]; then
        find "$node_versions" -mindepth 1 -maxdepth 1 | sort -rV | sed 's|$|/bin|'
    fi
    printf '%s\n' "${BUN_INSTALL:-$HOME/.bun}/bin" "${CARGO_HOME:-$HOME/.cargo}/bin" \
        "${PYENV_ROOT:-$HOME/.pyenv}/shims" "${PYENV_ROOT:-$HOME/.pyenv}/bin"
}

set_path() {
    local folder found="" name program
    # A PATH that bash made up itself ends in the current folder.
    case $(declare -p PATH) in
        'declare -x'*) ;;
        *) PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ;;
    esac
    while IFS= read -r folder; do
        if [ -d "$folder" ] && ! on_path "$folder"; then found+=$folder: ; fi
    done < <(local_folders)
    PATH=$found$PATH
    for folder in /usr/local/bin /usr/bin /bin; do
        on_path "$folder" || PATH=$PATH:$folder
    done
    # A program that the operator names wins, and so does what lies beside it (its node).
    for name in CODEX CLAUDE GEMINI; do
        program=${name}_BIN
        if [ -z "${!program:-}" ]; then
            printf -v "$program" '%s' "$(command -v "${name,,}" || true)"
        elif [ -x "${!program}" ]; then
            PATH=$(dirname -- "${!program}"):$PATH
        else
            say "$program=${!program}: no such program; unset it or mend it"
        fi
        if [ -n "${!program}" ]; then export "${program?}"; fi
    done
}

if [ -z "${HOME:-}" ]; then
    HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6 || true)
    HOME=${HOME:-/nonexistent}
fi
set_path
export PATH HOME LANG=C.UTF-8
export PYTHONSAFEPATH=1 PYTHONPATH="$ROOT" PYTHONPYCACHEPREFIX="$ROOT/runtime/pycache"
unset PYTHONDONTWRITEBYTECODE PYTHONHOME

# --- what must be there -----------------------------------------------------------------------

# The command that installs Debian's packages of these names, or what they are called elsewhere.
how_to_install() {
    local sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo "
    if command -v apt-get >/dev/null; then
        printf '%s' "${sudo}apt-get install -y $*"
    elif command -v dnf >/dev/null; then
        printf '%s' "${sudo}dnf install -y ${*/python3-venv/python3}"
    elif command -v apk >/dev/null; then
        printf '%s' "${sudo}apk add ${*/python3-venv/python3}"
    else
        printf '%s' "install $* with this machine's package manager"
    fi
}

need_git() {
    if ! command -v git >/dev/null; then
        say "git is missing. Install it: $(how_to_install git)"
        exit 20
    fi
}

# Prints a Python of 3.11 or newer that can make a virtual environment. A pyenv shim may stand
# for a version that is not switched on, so each candidate is asked and not only looked at.
# What the operator calls python3 comes first.
find_python() {
    local name candidate plain=""
    for name in python3 python3.13 python3.12 python3.11; do
        while IFS= read -r candidate; do
            if ! "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
                2>/dev/null </dev/null; then
                continue
            fi
            if "$candidate" -c 'import venv, ensurepip' 2>/dev/null </dev/null; then
                printf '%s' "$candidate"
                return 0
            fi
            plain=$candidate
        done < <(type -aP "$name")
    done
    if [ -n "$plain" ]; then
        say "$plain cannot make virtual environments: python3-venv is missing."
        say "Install it: $(how_to_install python3-venv)"
    else
        say "Python 3.11 or newer is missing. Install it: $(how_to_install python3 python3-venv)"
    fi
    return 20
}

# --- the virtual environment --------------------------------------------------------------------

venv_runs() {
    "$VENV/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        2>/dev/null </dev/null
}

venv_is_ready() {
    [ ! -e "$INSTALLING" ] && cmp -s requirements.txt "$INSTALLED" && venv_runs
}

# Makes .venv and installs requirements.txt, on first use and after requirements.txt changed.
# Two at once: the second waits. Interrupted: the next call begins again.
ensure_venv() {
    local lock=""
    need_git
    if venv_is_ready; then return 0; fi
    if command -v flock >/dev/null; then
        mkdir -p runtime/locks
        exec {lock}>>runtime/locks/venv.lock
        if ! flock -n "$lock"; then
            say "Another program here is installing already; waiting for it."
            flock "$lock"
        fi
    fi
    if ! venv_is_ready; then install_venv; fi
    if [ -n "$lock" ]; then exec {lock}>&-; fi
}

install_venv() {
    local python
    if [ -e "$VENV" ] && { [ -e "$INSTALLING" ] || ! venv_runs; }; then
        say "The last install was interrupted, or its Python is gone: making .venv afresh."
        rm -rf -- "$VENV"
    fi
    if [ ! -e "$VENV" ]; then
        python=$(find_python) || exit 20
        say "First use: making .venv with $("$python" --version) (about a minute in all)."
        mkdir -- "$VENV"
        : >"$INSTALLING"
        "$python" -m venv "$VENV" >&2 || install_failed "python3 -m venv did not finish."
    fi
    say "Installing what requirements.txt names into .venv."
    : >"$INSTALLING"
    rm -f -- "$INSTALLED"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        -r requirements.txt >&2 || install_failed "pip did not finish; it needs the network."
    cp requirements.txt "$INSTALLED"
    rm -f -- "$INSTALLING"
    say "Installed."
}

install_failed() {
    say "$1 The reason stands above; nothing else was touched. Start this again to go on."
    exit 20
}

# --- how a script is started --------------------------------------------------------------------

meaning() {
    case $1 in
        2) printf 'it was called in a way that it does not know; nothing was done' ;;
        10) printf 'degraded: the next tick tries again' ;;
        20) printf 'the config or this installation needs you' ;;
        30) printf 'there is no token, or GitHub refuses it' ;;
        124 | 137) printf 'stopped: it ran longer than its time limit' ;;
        130 | 143) printf 'stopped from outside' ;;
        *) printf 'a fault of ours; runtime/logs/trouble.log has the details' ;;
    esac
}

need_venv() {
    if [ ! -x "$VENV/bin/python" ] || [ -e "$INSTALLING" ]; then
        say "$1: .venv is missing or not finished; nothing was done."
        say "Run this once: $ROOT/bin/init.sh (it makes .venv, and keeps what is set up already)"
        exit 20
    fi
}

# run_command NAME ARGUMENTS...: what a person asks for; no banner, its exit code is the answer.
run_command() {
    need_git
    need_venv "$1"
    exec "$VENV/bin/python" -m "orchestrator.commands.$1" "${@:2}"
}

# run_script NAME MODULE SECONDS ARGUMENTS...: one tick; 0 seconds is no time limit.
run_script() {
    local name=$1 module=$2 seconds=$3
    need_git
    if [ ! -x "$VENV/bin/python" ] || [ -e "$INSTALLING" ]; then
        banner "$name" "${@:4}"
        say "$name: .venv is missing or not finished; nothing was done."
        say "Run this once: $ROOT/bin/init.sh (it makes .venv, and keeps what is set up already)"
        exit 20
    fi
    run_program "$name" "$seconds" "$VENV/bin/python" -m "orchestrator.$module" "${@:4}"
}

banner() { say "=== $(now) $1${2:+ ${*:2}} ==="; }

# Ours if it is there, else whatever this machine has.
any_python() {
    if [ -x "$VENV/bin/python" ]; then printf '%s' "$VENV/bin/python"; else command -v python3; fi
}

asks_for_help() {
    local word
    for word; do case $word in -h | --help) return 0 ;; esac; done
    return 1
}

# run_program NAME SECONDS PYTHON -m MODULE ARGUMENTS...: with a banner, a time limit, and a line
# for an exit code that is not 0. A signal to this shell is passed on: the script ends in order.
run_program() {
    local name=$1 seconds=$2 code=0 child
    local command=("${@:3}")
    if asks_for_help "${@:6}"; then exec "${command[@]}"; fi
    banner "$name" "${@:6}"
    if [ "$seconds" != 0 ] && command -v timeout >/dev/null; then
        command=(timeout --foreground --kill-after=30 "$seconds" "${command[@]}")
    fi
    "${command[@]}" <&0 &
    child=$!
    trap 'kill -TERM "$child" 2>/dev/null || true' TERM HUP
    trap 'kill -INT "$child" 2>/dev/null || true' INT
    wait "$child" || code=$?
    while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do # it was this shell's signal
        code=0
        wait "$child" || code=$?
    done
    if [ "$code" != 0 ]; then
        say "=== $(now) $name ended with exit code $code: $(meaning "$code")"
    fi
    exit "$code"
}
