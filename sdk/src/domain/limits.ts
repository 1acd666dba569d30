// Limits: every bound of the mesh, by name, with its reason. Beyond a limit we refuse; we never
// grow in silence.

export const limits = {
  /** Deeper trees than city > district > street > community > ... are configuration mistakes. */
  addressSegmentsMax: 16,
  /** 16 labels of 63 characters would be 1,024; a SPIFFE ID must stay below 2,048 bytes. */
  addressCharsMax: 512,
  /** One gRPC message of several frames; grpc-js refuses 4 MiB, and a copy costs its size. */
  batchBytesMax: 1024 * 1024,
  /** When a batch is flushed although more is waiting: about one socket buffer. */
  batchBytesTarget: 64 * 1024,
  batchFramesMax: 256,
  /** What a receiver lets a sender have unacknowledged on a lane, at most. */
  laneFramesCreditMax: 4096,
  laneBytesCreditMax: 8 * 1024 * 1024,
  /** Frames a session keeps for a peer that is away; beyond it new work to that peer is refused. */
  outboxFramesMax: 100_000,
  outboxBytesMax: 256 * 1024 * 1024,
  /** A step's output; larger goes by reference (the catalog's business). */
  outputBytesDefault: 64 * 1024,
  outputBytesMax: 1024 * 1024 - 64 * 1024,
  /** The input of a chain. */
  inputBytesMax: 64 * 1024,
  /** Steps of one application. */
  stepsMax: 200,
  /** Members that one hub keeps for one fan-out; more are spread over hubs below. */
  fanoutMembersPerHubMax: 10_000,
  fanoutMembersMax: 1_000_000,
  /** Items that a reducer `collect` keeps, so that a partial stays below a frame. */
  collectItemsMax: 1_000,
  /**
   * A signal's payload. One signal may open a thousand gates in one commit, each with its own copy.
   */
  signalBytesMax: 16 * 1024,
  /** Gates of one hub that wait for one signal: it is judged for each of them within one event. */
  gatesPerSignalMax: 1_000,
  /** Names of signals that a chain keeps for gates that are not open yet. */
  signalsRetainedMax: 16,
  /** Chains that stand above a chain, each started by a step of the one before it. */
  subflowDepthMax: 8,
  /** What people did to a chain by hand, as its row keeps it; the journal keeps all. */
  chainNotesMax: 100,
  /** Chains that are not ended, at one hub. */
  liveChainsMax: 100_000,
  /** Chains that one caller follows over one call; each costs the hub a subscription. */
  runsPerCallMax: 10_000,
  /** Nodes that a hub knows below it. */
  nodesMax: 100_000,
  /** Capabilities of one node. */
  capabilitiesMax: 256,
  /** Applications of other hubs that are registered at one hub. */
  registrationsMax: 10_000,
  /** Different capabilities that one application calls upon: two for each of its steps. */
  needsMax: 400,
  /** Hubs that a report names because something is missing there; more are counted. */
  registrationGapsMax: 100,
  /** Nodes that a dry run tells of one by one, over all steps: about 4 MiB of an answer. */
  planNodesMax: 20_000,
  planNodesNamedMax: 100,
  /** Attempts of one instruction, whatever `retry.max` says. */
  attemptsMax: 1_000,
  /** How long a hub below remembers what it may be asked to undo, if nobody tells it the end. */
  undoKeepMs: 30 * 24 * 3_600_000,
  /** Continuations of one event inside one commit; a longer cascade waits for the next commit. */
  continuationsMax: 100,
  /** Events of one commit. */
  commitEventsMax: 512,
  /** Bytes of facts of one commit, roughly; a larger one would hold up the acknowledgements. */
  commitBytesTarget: 1024 * 1024,
  /** setTimeout overflows beyond 2^31-1 ms (24.8 days). */
  timerDelayMsMax: 2_147_483_647,
  /** As far as a duration reaches: 36,600 days are walked in about two milliseconds. */
  workingTimeYearsMax: 100,
  /** Working calendars of one configuration; they are built when a hub starts. */
  calendarsMax: 100,
  /** Dates of one list of a calendar: every weekday that is a holiday, for a century. */
  calendarDatesMax: 3_000,
  /** A key given by a caller. */
  keyCharsMax: 200,
  /** How long the key of an ended chain is kept unless its application says otherwise. */
  keyKeepMs: 30 * 24 * 3_600_000,
  /** How often an agent says that it still works on an instruction (a third of the lease). */
  leaseMs: 30_000,
  /** Heartbeats: four per lease of the link, as Zenoh does after ITU-T Y.1731. */
  heartbeatMs: 3_000,
  linkLeaseMs: 12_000,
  /** Connections of one hub, and of one address: the nodes of a demo share one. */
  connectionsMax: 20_000,
  connectionsPerAddressMax: 10_000,
  /** A full TLS handshake costs 1.24 ms of a core: thousands at once need seconds. */
  tlsHandshakeMs: 5_000,
  /** From the end of the TLS handshake to the first stream; ours open one at once. */
  firstStreamMs: 10_000,
  /** From the opening of a link's stream to its Hello, whatever else is said meanwhile. */
  linkHelloMs: 10_000,
  /** From the first byte of a message to its last: 1 MiB in it needs 140 kbit/s. */
  messageMs: 60_000,
  /** Users of one hub: every person of a large city's administration. */
  usersMax: 100_000,
  accountCharsMax: 64,
  /** A name, department, group or other word of a user. */
  userWordCharsMax: 100,
  /** Groups of one user, and applications in which one user has rights. */
  userListMax: 256,
  /** NIST SP 800-63B asks for 8 at least; there is no second factor here yet. */
  passwordCharsMin: 10,
  /** Long enough for any phrase, short enough that nobody makes us hash a book. */
  passwordCharsMax: 128,
  /** Passwords that wait for the process that hashes them: about 8 s of its time. */
  passwordQueueMax: 20,
  /** So many wrong passwords within the window lock an account (GB/T 22239, 8.1.4.1 b). */
  wrongPasswordsMax: 5,
  wrongPasswordsWindowMs: 15 * 60_000,
  /** Ends by itself: who guesses must not shut the right user out for ever. */
  accountLockMs: 15 * 60_000,
  /** A sign-in token that nobody shows for a working day and a night ends. */
  tokenIdleMs: 12 * 3_600_000,
  /** However much it is used: a stolen one is worth a week at most. */
  tokenLifeMs: 7 * 24 * 3_600_000,
  /** A use is noted in the journal at most so often: a fact for every call would double them. */
  tokenRenewMs: 10 * 60_000,
  /** Places at which one user is signed in; the oldest gives way. */
  tokensPerUserMax: 16,
  /** How long matching waits for the snapshot of a child that has just connected. */
  snapshotWaitMs: 2_000,
  /** Tasks that are open at one desk: a city's hotline has some 10,000. */
  openTasksMax: 100_000,
  /** Ended tasks that a desk keeps at hand for evaluation and history; older ones are archived. */
  endedTasksMax: 20_000,
  taskKeepMs: 30 * 24 * 3_600_000,
  /** Who, when, what and why of one task; beyond it the middle is left to the journal. */
  trailEntriesMax: 200,
  /** Commands of one task: each id is remembered as long as the task. */
  taskCommandsMax: 1_000,
  coHandlersMax: 50,
  /** People and groups that one list of a task names. */
  taskNamesMax: 200,
  escalationsMax: 50,
  /** A reason, an opinion or a comment. */
  taskTextCharsMax: 2_000,
  /** A task without a finish deadline, and one that hangs: a season and its return. */
  taskWaitMsMax: 400 * 24 * 3_600_000,
  /** Pause between two messages of news about tasks: counts cost a walk of a person's lists. */
  taskNewsMsMin: 1_000,
  /** Without news a watcher hears all the same: lights turn, and silence means a loss. */
  taskNewsMsMax: 30_000,
  /** Tasks that one message of news lists. */
  taskNewsMax: 100,
  /** Rows of one page of a worklist. */
  worklistPageMax: 200,
  /** An attachment: a long scan, some minutes of film from a phone. */
  blobBytesMax: 64 * 1024 * 1024,
  /** One message of a transfer: about one socket buffer. */
  blobChunkBytesMax: 64 * 1024,
  /** Attachments of one hub: an index row of each is in memory. */
  blobsMax: 200_000,
  /** All attachments of one hub, unless its configuration says otherwise. */
  blobQuotaBytesDefault: 10 * 1024 * 1024 * 1024,
  /** Transfers that a hub has under way: each holds a file and some chunks. */
  blobTransfersMax: 64,
  /** Silence of the other end within a transfer: what is said in it needs no person. */
  blobSilenceMs: 60_000,
  /** A whole transfer: 64 MiB in it need 900 kbit/s. */
  blobTransferMs: 10 * 60_000,
  /** What nothing refers to yet: a form that is filled in until the next morning. */
  blobFreshKeepMs: 24 * 3_600_000,
  /** A copy of what another hub holds, since it was last read; it can be fetched again. */
  blobCopyKeepMs: 24 * 3_600_000,
  /** How long hubs below may look for a blob before the hub above looks elsewhere. */
  blobSearchMs: 60_000,
  /** Blobs that a hub looks for at one time. */
  blobSearchesMax: 1_000,
  /** People and nodes that have put the same content, and may read it by that alone. */
  blobUploadersMax: 100,
  blobMediaTypeCharsMax: 100,
  blobFileNameCharsMax: 200,
  /** Entries of one directory: their index is in memory, about 1 KB each. */
  catalogEntriesMax: 1_000_000,
  /** One entry as its owner wrote it: a thousand cameras with their places fit. */
  catalogEntryBytesMax: 64 * 1024,
  /** When a delta of a catalog is sent although more is waiting. */
  catalogDeltaBytesTarget: 64 * 1024,
  /** With one entry more it is still far below a batch. */
  catalogDeltaBytesMax: 512 * 1024,
  /** Entries of one delta. */
  catalogDeltaEntriesMax: 1_000,
  /**
   * What a child sends of its log before the first of it is acknowledged: 5 MB/s over 50 ms. A hub
   * holds as much of each of its children.
   */
  catalogWindowBytes: 256 * 1024,
  /** Changes of a catalog in one synced write. */
  catalogCommitEntriesMax: 2_000,
  /**
   * How long a hub remembers that an entry is gone: an old path that was cut off for longer could
   * bring it back (Serf keeps a member that has left for as long).
   */
  tombstoneKeepMs: 24 * 3_600_000,
  /** Refusals that one acknowledgement names; the others are counted by the hub. */
  catalogRefusalsMax: 20,
  /** Rows of one page of a directory. */
  catalogPageMax: 200,
  /** Words of one search; the longest names have fewer. */
  searchWordsMax: 32,
} as const;
