"""The door to the engine: thin typed verbs for the command line and the window.

They import torch inside their functions only, so that the door itself opens at once.
"""

from sit_engine.api.clips import evaluate_index as evaluate_index
from sit_engine.api.clips import find_clips as find_clips
from sit_engine.api.clips import find_duplicates as find_duplicates
from sit_engine.api.clips import index_videos as index_videos
from sit_engine.api.clips import write_found as write_found
from sit_engine.api.images import cache as cache
from sit_engine.api.images import scan as scan
from sit_engine.api.images import show_alike as show_alike
from sit_engine.api.images import show_pairs as show_pairs
from sit_engine.api.images import show_views as show_views
from sit_engine.api.images import write_sample as write_sample
from sit_engine.api.measuring import add_map as add_map
from sit_engine.api.measuring import draw_curves as draw_curves
from sit_engine.api.measuring import embed as embed
from sit_engine.api.measuring import evaluate as evaluate
from sit_engine.api.measuring import inspect as inspect
from sit_engine.api.measuring import neighbours as neighbours
from sit_engine.api.measuring import predict as predict
from sit_engine.api.runs import Emit as Emit
from sit_engine.api.runs import MakeControl as MakeControl
from sit_engine.api.runs import check as check
from sit_engine.api.runs import find_folders as find_folders
from sit_engine.api.runs import finetune as finetune
from sit_engine.api.runs import pretrain as pretrain
from sit_engine.api.runs import repair as repair
from sit_engine.api.runs import resume as resume
from sit_engine.api.runs import scratch_twin as scratch_twin
from sit_engine.api.settings import describe_device as describe_device
from sit_engine.api.settings import dry_run as dry_run
from sit_engine.api.settings import resolve as resolve
from sit_engine.api.studies import compare as compare
from sit_engine.api.studies import end_search as end_search
from sit_engine.api.studies import network_time as network_time
from sit_engine.api.studies import plain_network as plain_network
from sit_engine.api.studies import search as search
from sit_engine.api.studies import tune as tune
from sit_engine.api.studies import worth as worth
from sit_engine.api.weights import export as export
from sit_engine.api.weights import fetch_weights as fetch_weights
from sit_engine.api.weights import import_weights as import_weights
