"""Every GraphQL document we send, valid against GitHub's published schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from orchestrator.records.config import BoardConfig

VIEWER = """
query Viewer {
  rateLimit { limit cost remaining resetAt }
  viewer { login }
}
"""

# A page of a board's cards, and what the board looks like.
_CARDS = """
        id
        field(name: $field) {
          __typename
          ... on ProjectV2SingleSelectField { id options { id name } }
        }
        items(first: $first) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes {
            id
            fieldValueByName(name: $field) {
              __typename
              ... on ProjectV2ItemFieldSingleSelectValue { name updatedAt }
            }
            content {
              __typename
              ... on Issue { id number state repository { nameWithOwner } }
            }
          }
        }
"""

BOARD = (
    """
query Board($login: String!, $number: Int!, $field: String!, $first: Int!, $after: String) {
  rateLimit { limit cost remaining resetAt }
  repositoryOwner(login: $login) {
    ... on ProjectV2Owner {
      projectV2(number: $number) {"""
    + _CARDS.replace("first: $first", "first: $first, after: $after")
    + """      }
    }
  }
}
"""
)

ISSUES = """
query Issues($ids: [ID!]!) {
  rateLimit { limit cost remaining resetAt }
  nodes(ids: $ids) {
    __typename
    ... on Issue {
      id number title body state stateReason createdAt updatedAt lastEditedAt
      author { __typename login }
      editor { __typename login }
      repository { nameWithOwner }
      labels(first: 100) { totalCount nodes { name } }
      timelineItems(last: 50, itemTypes: [LABELED_EVENT]) {
        nodes {
          __typename ... on LabeledEvent { createdAt actor { __typename login } label { name } }
        }
      }
      renamed: timelineItems(last: 1, itemTypes: [RENAMED_TITLE_EVENT]) {
        nodes { __typename ... on RenamedTitleEvent { createdAt actor { __typename login } } }
      }
    }
  }
}
"""

# Check runs and statuses of one commit, whether it is the head of a pull request or any other.
_CHECKS_OF_COMMIT = """
fragment SomeChecks on StatusCheckRollupContextConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes {
    __typename
    ... on CheckRun {
      databaseId name status conclusion startedAt completedAt detailsUrl
      checkSuite { app { databaseId } workflowRun { databaseId workflow { name } } }
    }
    ... on StatusContext { context state createdAt targetUrl description }
  }
}
"""

PULL_REQUESTS = (
    """
query PullRequests($ids: [ID!]!) {
  rateLimit { limit cost remaining resetAt }
  nodes(ids: $ids) {
    __typename
    ... on PullRequest {
      id number url body state closedAt isDraft merged mergeable isCrossRepository
      headRefName headRefOid baseRefName
      repository { nameWithOwner }
      mergeCommit { oid }
      baseRef { target { oid } }
      labels(first: 50) { totalCount nodes { name } }
      closingIssuesReferences(first: 10) { nodes { number state repository { nameWithOwner } } }
      firstClosing: closingIssuesReferences(first: 1) {
        nodes {
          number state repository { nameWithOwner }
          labels(first: 100) { totalCount nodes { name } }
        }
      }
      latestOpinionatedReviews(first: 100) {
        totalCount
        nodes {
          state submittedAt authorCanPushToRepository author { __typename login } commit { oid }
        }
      }
      timelineItems(last: 20, itemTypes: [LABELED_EVENT]) {
        nodes {
          __typename ... on LabeledEvent { createdAt actor { __typename login } label { name } }
        }
      }
      headRef {
        target {
          __typename
          oid
          ... on Commit {
            committedDate
            statusCheckRollup { contexts(first: 100) { ...SomeChecks } }
          }
        }
      }
    }
  }
}
"""
    + _CHECKS_OF_COMMIT
)

COMMIT_CHECKS = (
    """
query CommitChecks($owner: String!, $name: String!, $sha: GitObjectID!, $after: String) {
  rateLimit { limit cost remaining resetAt }
  repository(owner: $owner, name: $name) {
    object(oid: $sha) {
      __typename
      oid
      ... on Commit {
        statusCheckRollup { contexts(first: 100, after: $after) { ...SomeChecks } }
      }
    }
  }
}
"""
    + _CHECKS_OF_COMMIT
)

# A page of what was said in one review thread, asked for with the thread or by itself.
_COMMENTS_OF_THREAD = """
fragment SomeComments on PullRequestReviewCommentConnection {
  totalCount
  pageInfo { hasNextPage endCursor }
  nodes { id body createdAt author { __typename login } }
}
"""

REVIEW_THREADS = (
    """
query ReviewThreads($id: ID!, $first: Int!, $after: String) {
  rateLimit { limit cost remaining resetAt }
  node(id: $id) {
    __typename
    ... on PullRequest {
      reviewThreads(first: $first, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved path line
          comments(first: 50) { ...SomeComments }
        }
      }
    }
  }
}
"""
    + _COMMENTS_OF_THREAD
)

THREAD_COMMENTS = (
    """
query ThreadComments($id: ID!, $first: Int!, $after: String) {
  rateLimit { limit cost remaining resetAt }
  node(id: $id) {
    __typename
    ... on PullRequestReviewThread {
      comments(first: $first, after: $after) { ...SomeComments }
    }
  }
}
"""
    + _COMMENTS_OF_THREAD
)

ADD_TO_BOARD = """
mutation AddToBoard($project: ID!, $content: ID!) {
  addProjectV2ItemById(input: {projectId: $project, contentId: $content}) { item { id } }
}
"""

ADD_SUB_ISSUE = """
mutation AddSubIssue($parent: ID!, $part: ID!) {
  addSubIssue(input: {issueId: $parent, subIssueId: $part}) { subIssue { id } }
}
"""

SET_STATUS = """
mutation SetStatus($project: ID!, $item: ID!, $field: ID!, $option: String!) {
  updateProjectV2ItemFieldValue(input: {
    projectId: $project, itemId: $item, fieldId: $field,
    value: {singleSelectOptionId: $option}
  }) { projectV2Item { id } }
}
"""

ARCHIVE_CARD = """
mutation ArchiveCard($project: ID!, $item: ID!) {
  archiveProjectV2Item(input: {projectId: $project, itemId: $item}) { item { id } }
}
"""

REPLY_TO_THREAD = """
mutation ReplyToThread($thread: ID!, $body: String!) {
  addPullRequestReviewThreadReply(
    input: {pullRequestReviewThreadId: $thread, body: $body}
  ) { comment { id } }
}
"""

RESOLVE_THREAD = """
mutation ResolveThread($thread: ID!) {
  resolveReviewThread(input: {threadId: $thread}) { thread { id } }
}
"""


def labelled(
    slugs: Sequence[str],
    label: str,
    *,
    first: int,
    cards: int = 100,
    after: Mapping[str, str],
    questions: Sequence[str] = (),
    states: Sequence[str] = (),
    boards: Sequence[BoardConfig] = (),
) -> str:
    """One request for the open issues of all repositories that carry the label, as r0, r1, …

    `after` is where to go on, for the repositories that have more than one page. `questions` are
    issues by node id, whose labels and newest comments are asked for by the way, of `states` it is
    asked whether they are open, and so is the first page of each of the `boards`, as b0, b1, …
    """

    def place(slug: str) -> str:
        return f", after: {json.dumps(after[slug])}" if slug in after else ""

    blocks = "\n".join(
        f"  r{index}: repository(owner: {json.dumps(owner)}, name: {json.dumps(name)}) {{\n"
        f"    nameWithOwner isArchived hasIssuesEnabled viewerPermission\n"
        f"    issues(first: {first}{place(slug)}, states: [OPEN], labels: [{json.dumps(label)}],\n"
        f"           orderBy: {{field: CREATED_AT, direction: ASC}}) {{\n"
        f"      pageInfo {{ hasNextPage endCursor }} nodes {{ id number }}\n"
        f"    }}\n  }}"
        for index, slug in enumerate(slugs)
        for owner, _, name in (slug.partition("/"),)
    )
    if questions:
        blocks += (
            f"\n  questions: nodes(ids: {json.dumps(list(questions))}) {{\n"
            "    __typename\n"
            "    ... on Issue {\n"
            "      id state labels(first: 100) { totalCount nodes { name } }\n"
            "      comments(last: 20) {\n"
            "        totalCount nodes { databaseId body createdAt author { __typename login } }\n"
            "      }\n    }\n  }"
        )
    if states:
        blocks += (
            f"\n  states: nodes(ids: {json.dumps(list(states))}) {{\n"
            "    __typename\n    ... on Issue { id state }\n  }"
        )
    for index, board in enumerate(boards):
        cards_of = _CARDS.replace("$field", json.dumps(board.status_field))
        cards_of = cards_of.replace("$first", str(cards))
        blocks += (
            f"\n  b{index}: repositoryOwner(login: {json.dumps(board.owner)}) {{\n"
            f"    ... on ProjectV2Owner {{ projectV2(number: {board.number}) {{\n"
            f"      {cards_of}\n    }} }}\n  }}"
        )
    return f"query Labelled {{\n  rateLimit {{ limit cost remaining resetAt }}\n{blocks}\n}}\n"


# Both have a `state`, of two kinds: in one answer they need two names.
_STATE = """
fragment State on IssueOrPullRequest {
  ... on Issue { id number state stateReason body }
  ... on PullRequest { id number pullState: state }
}
"""


def issue_states(slug: str, numbers: Sequence[int]) -> str:
    """State, reason and text of the named issues of one repository, as i12, i13, …

    Of a number that is a pull request's, its state alone.
    """
    owner, _, name = slug.partition("/")
    blocks = "\n".join(
        f"    i{number}: issueOrPullRequest(number: {number}) {{ ...State }}" for number in numbers
    )
    return (
        "query IssueStates {\n  rateLimit { limit cost remaining resetAt }\n"
        f"  repository(owner: {json.dumps(owner)}, name: {json.dumps(name)}) {{\n"
        f"{blocks}\n  }}\n}}\n{_STATE}"
    )


# A RefUpdateRule is what protection says to somebody who is no admin.
_SETTINGS_OF_BASE = """
fragment Base on Ref {
  name
  refUpdateRule {
    requiredApprovingReviewCount requiresCodeOwnerReviews requiresConversationResolution
    requiresSignatures requiresLinearHistory requiredStatusCheckContexts
  }
}
"""


def survey(bases: Mapping[str, str | None]) -> str:
    """The settings of repositories as r0, r1, …; None for a base is the default branch."""
    blocks = []
    for index, (slug, base) in enumerate(bases.items()):
        owner, _, name = slug.partition("/")
        named = json.dumps(f"refs/heads/{base}")
        ref = f"    base: ref(qualifiedName: {named}) {{ ...Base }}\n" if base else ""
        blocks.append(
            f"  r{index}: repository(owner: {json.dumps(owner)}, name: {json.dumps(name)}) {{\n"
            "    nameWithOwner isArchived hasIssuesEnabled\n"
            "    squashMergeAllowed mergeCommitAllowed rebaseMergeAllowed\n"
            f"    defaultBranchRef {{ ...Base }}\n{ref}  }}\n"
        )
    return (
        "query Survey {\n  rateLimit { limit cost remaining resetAt }\n"
        f"{''.join(blocks)}}}\n{_SETTINGS_OF_BASE}"
    )


# --- making a board, asked by a person and never by a tick ------------------------------------

BOARDS_OF = """
query BoardsOf($login: String!, $after: String) {
  rateLimit { limit cost remaining resetAt }
  repositoryOwner(login: $login) {
    __typename
    id
    login
    ... on ProjectV2Owner {
      projectsV2(first: 50, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id number title closed url viewerCanUpdate }
      }
    }
  }
}
"""

STATUS_FIELD = """
query StatusField($login: String!, $number: Int!, $field: String!) {
  rateLimit { limit cost remaining resetAt }
  repositoryOwner(login: $login) {
    ... on ProjectV2Owner {
      projectV2(number: $number) {
        id number title closed url viewerCanUpdate
        field(name: $field) {
          __typename
          ... on ProjectV2SingleSelectField { id options { id name color description } }
        }
      }
    }
  }
}
"""

BOARDS_SHOWN_BY = """
query BoardsShownBy($owner: String!, $name: String!) {
  rateLimit { limit cost remaining resetAt }
  repository(owner: $owner, name: $name) {
    id
    projectsV2(first: 100) { nodes { id } }
  }
}
"""

# Whether an option may be named by its id: only then it stays what it is when others are added.
OPTION_INPUT = """
query OptionInput {
  __type(name: "ProjectV2SingleSelectFieldOptionInput") { inputFields { name } }
}
"""

CREATE_BOARD = """
mutation CreateBoard($owner: ID!, $title: String!) {
  createProjectV2(input: {ownerId: $owner, title: $title}) { projectV2 { id number url } }
}
"""

PUT_OPTIONS = """
mutation PutOptions($field: ID!, $options: [ProjectV2SingleSelectFieldOptionInput!]!) {
  updateProjectV2Field(input: {fieldId: $field, singleSelectOptions: $options}) {
    projectV2Field { ... on ProjectV2SingleSelectField { id options { id name } } }
  }
}
"""

LINK_BOARD = """
mutation LinkBoard($project: ID!, $repository: ID!) {
  linkProjectV2ToRepository(input: {projectId: $project, repositoryId: $repository}) {
    repository { id }
  }
}
"""
