"""The table: every parser of bytes or text from outside, a row each."""

from simulator.fuzzing import card_targets as cards
from simulator.fuzzing import code_targets as codes
from simulator.fuzzing import config_targets as configs
from simulator.fuzzing import desk_targets as desk
from simulator.fuzzing import dump_targets as dumps
from simulator.fuzzing import edge_targets as edge
from simulator.fuzzing import fare_targets as fares
from simulator.fuzzing import inland_targets as inland
from simulator.fuzzing import ledger_targets as ledger
from simulator.fuzzing import line_targets as lines
from simulator.fuzzing import link_targets as link
from simulator.fuzzing import register_targets as registers
from simulator.fuzzing import sealed_targets as sealed
from simulator.fuzzing import storage_targets as storage
from simulator.fuzzing import tariff_targets as tariffs
from simulator.fuzzing.target import Target

COUNTER = "edge_agent.counter."
TARIFFS = "backend_sync.tariffs."
PACKAGES = "card_layouts.packages."
RECORDS = "card_layouts.records."

TARGETS = (
    Target("cobs", "COBS runs", ("card_layouts.codec.cobs",), link.cobs_work, "cobs"),
    Target("cbor", "CBOR values", ("card_layouts.codec.cbor",), link.cbor_work, "cbor"),
    Target("frames", "a dock's byte stream", ("card_layouts.link.frames",), link.frames_work,
           "frames"),
    Target("messages", "bodies of dock messages", ("card_layouts.link.messages",),
           link.messages_work, "messages"),
    Target("batch", "batches of an edge", ("card_layouts.link.batches",), link.batch_work, "batch"),
    Target("ack", "acknowledgements under K_ack", (PACKAGES + "ack",), sealed.ack_work, "ack"),
    Target("ack-batch", "signed batches of acknowledgements", (PACKAGES + "ack",),
           sealed.ack_batch_work, "ack-batch"),
    Target("lease", "leases", (PACKAGES + "lease",), sealed.lease_work, "lease"),
    Target("action", "lines of the action list", (PACKAGES + "actions",), sealed.action_work,
           "action"),
    Target("action-list", "action lists", (PACKAGES + "action_list",), sealed.action_list_work,
           "action-list"),
    Target("envelope", "manifests in envelopes", (PACKAGES + "manifest",), sealed.envelope_work,
           "envelope"),
    Target("hotlist", "hotlists, base and overlay", (PACKAGES + "hotlist",), sealed.hotlist_work,
           "hotlist"),
    Target("slot", "journal slots", (RECORDS + "slot", RECORDS + "bulk_cpython"),
           sealed.slot_work, "slot"),
    Target("block-page", "first pages of journal blocks", (RECORDS + "block_page",),
           sealed.block_page_work, "block-page"),
    Target("signature", "Ed25519 keys and signatures", ("card_layouts.crypto.ed25519",),
           sealed.signature_work),
    Target("journal", "a journal's ring on any flash",
           ("firmware.journal", "firmware.journal_block", "firmware.journal_counters"),
           storage.journal_work, "journal"),
    Target("packages", "package slots on any flash", ("firmware.package_slots",),
           storage.packages_work, "packages"),
    Target("vehicle", "messages of the vehicle", ("firmware.vehicle_messages",),
           storage.vehicle_work, "vehicle"),
    Target("card-number", "printed card numbers", ("card_layouts.cards.card_number",),
           storage.card_number_work, "card-number"),
    Target("card-answers", "a DESFire's or a ticket's answers in eight flows",
           ("card_layouts.cards.desfire_channel", "card_layouts.cards.desfire", "firmware.tap_card",
            "firmware.card_writer"),
           cards.answers_work, "card-answers"),
    Target("card-files", "files of a card that knows every key, tapped and served",
           ("firmware.tap", "firmware.tap_card", "firmware.tap_decide", "firmware.tap_entries",
            "firmware.station"),
           cards.files_work, "card-files"),
    Target("ticket-pages", "pages of a ticket that knows its key, tapped",
           ("firmware.tap_ticket", "card_layouts.cards.tourist_ticket"),
           cards.pages_work, "ticket-pages"),
    Target("tariff", "tariff packages: mounted, then asked for prices",
           tuple("card_layouts.fares." + name for name in ("package", "mounted", "engine", "place",
                 "clock", "prices", "rights", "money", "settle", "journey", "caps", "offers")),
           fares.tariff_work, "tariff"),
    Target("pn532", "the reader chip's line", ("firmware.drivers.pn532_frames",
           "firmware.drivers.pn532"), lines.pn532_work, "pn532"),
    Target("dock", "a dock with a hostile edge that has every key",
           ("firmware.dock", "firmware.updates", "card_layouts.link.dock"), lines.dock_work,
           "dock"),
    Target("card-image", "card images in JSON",
           (COUNTER + "card_image", COUNTER + "card_tree", COUNTER + "image_writing"),
           dumps.image_work),
    Target("dump-json", "FareBot's and Metrodroid's JSON",
           (COUNTER + "import_json", COUNTER + "import_formats", COUNTER + "import_file_settings"),
           dumps.json_work),
    Target("dump-xml", "FareBot's and Metrodroid's XML", (COUNTER + "import_xml",),
           dumps.xml_work),
    Target("dump-flipper", "Flipper's lines", (COUNTER + "import_flipper",), dumps.flipper_work),
    Target("board-config", "a board's configuration, its keys in JSON",
           ("firmware.configuration", "firmware.configuration_text"), configs.board_work,
           "board-config"),
    Target("edge-config", "the edge's TOML", ("edge_agent.config",), configs.edge_work),
    Target("ledger-config", "the ledger's TOML", ("backend_sync.config",), configs.ledger_work),
    Target("keyring-file", "files of secrets and of masters", ("backend_sync.keyring.keyfile",),
           configs.keyring_work),
    Target("counter-keys", "key files of a service point", (COUNTER + "card_keys",),
           configs.counter_keys_work),
    Target("components", "key components typed in", (COUNTER + "key_components",),
           configs.components_work),
    Target("base45", "base45 texts", ("card_layouts.codec.base45",), codes.base45_work, "base45"),
    Target("code", "2D codes of single tickets",
           ("card_layouts.tickets.single", "card_layouts.tickets.check"), codes.code_work, "code"),
    Target("tariff-toml", "tariffs in TOML",
           tuple(TARIFFS + name for name in ("source", "book", "products", "prices", "when")),
           tariffs.toml_work),
    Target("gtfs", "GTFS feeds", tuple(TARIFFS + name for name in ("gtfs", "gtfs_source",
           "gtfs_archive", "gtfs_trips", "gtfs_calendar")), tariffs.feed_work),
    Target("gtfs-fares", "GTFS-Fares, both versions", tuple(TARIFFS + name for name in (
           "import_fares", "fare_tables", "import_v1", "import_v2")), tariffs.fares_work),
    Target("survey", "any card at a service point, read and explained",
           (COUNTER + "card_survey", COUNTER + "card_survey_pages", COUNTER + "explain_desfire"),
           desk.survey_work),
    Target("issue", "a card while it is made", ("card_layouts.cards.personalise",
           "card_layouts.cards.desfire_issuer"), desk.issue_work),
    Target("pcsc", "PC/SC readers' answers", ("edge_agent.drivers.pcsc_frames",), desk.pcsc_work),
    Target("keyring-wire", "requests on the keyring's socket",
           ("backend_sync.keyring.wire", "backend_sync.keyring.calls",
            "backend_sync.keyring.assembly"), ledger.keyring_work),
    Target("catalogue", "the folder of what is published", ("backend_sync.catalogue",),
           ledger.catalogue_work),
    Target("topic", "MQTT topics", ("backend_sync.topics",), ledger.topic_work),
    Target("downlink", "messages from inland to an edge",
           ("edge_agent.downlink", "edge_agent.parcels"), ledger.downlink_work),
    Target("edge-dock", "an edge with a hostile board that has its keys",
           ("edge_agent.dock_session", "edge_agent.dock_parcels", "edge_agent.intake",
            "edge_agent.outbox"), edge.edge_dock_work),
    Target("batch-file", "deliveries of cards in TOML", (COUNTER + "issue_batch",),
           registers.batch_work),
    Target("station-keys", "keys and certificates of stations",
           (COUNTER + "issue_station", COUNTER + "ticket_station"), registers.station_work),
    Target("issue-register", "registers of issued cards", (COUNTER + "issue_register",),
           registers.issue_register_work),
    Target("ticket-register", "registers of sold single tickets", (COUNTER + "ticket_register",),
           registers.ticket_register_work),
    Target("edge-state", "what edges say of themselves", ("backend_sync.edge_states",),
           inland.state_work),
    Target("intake", "messages to the ledger, and their quarantine",
           ("backend_sync.intake", "backend_sync.quarantine"), inland.intake_work),
    Target("versions", "the publisher's file of versions", ("backend_sync.package_versions",),
           inland.versions_work),
    Target("ledger-lists", "files of rows that are brought into the books",
           ("backend_sync.ledger.listed",), inland.lists_work),
)  # fmt: skip
NAMES = {target.name: target for target in TARGETS}
