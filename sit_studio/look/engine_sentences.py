"""Every coded sentence of the engine: code -> its (message, hint), one or several of them.

Made by packaging/engine_sentences.py.
"""
# ruff: noqa: E501 - sentences

from __future__ import annotations

from sit_studio.look.marks import QT_TRANSLATE_NOOP

ENGINE_SENTENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "ask.no_model": (
        (
            QT_TRANSLATE_NOOP("engine", "Nothing was named that could answer."),
            QT_TRANSLATE_NOOP("engine", "Name a run or a model."),
        ),
    ),
    "ask.not_json": (
        (
            QT_TRANSLATE_NOOP("engine", "This line is not a question."),
            QT_TRANSLATE_NOOP(
                "engine", 'Write one JSON object a line, such as {{"id": 1, "ask": "device"}}.'
            ),
        ),
    ),
    "ask.parameters": (
        (
            QT_TRANSLATE_NOOP("engine", "The question {name} cannot be asked so: {why}."),
            QT_TRANSLATE_NOOP("engine", "Its parameters stand in sit_engine/cli/questions.py."),
        ),
    ),
    "ask.too_long": (
        (
            QT_TRANSLATE_NOOP("engine", "This question is longer than {most} MB."),
            QT_TRANSLATE_NOOP("engine", "Ask about fewer images at once."),
        ),
    ),
    "ask.unknown": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no question {name}."),
            QT_TRANSLATE_NOOP("engine", "Ask one of {known}."),
        ),
    ),
    "bundle.damaged": (
        (
            QT_TRANSLATE_NOOP("engine", "The bundle {path} cannot be replayed: {why}."),
            QT_TRANSLATE_NOOP(
                "engine", "Give a folder of a run's `bundles` that was copied whole."
            ),
        ),
    ),
    "bundle.unwritten": ((QT_TRANSLATE_NOOP("engine", "The step could not be kept: {why}"), ""),),
    "checkpoint.bad_copies": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The copies of config.toml and split.json in the checkpoint of step {step} are damaged.",
            ),
            "",
        ),
    ),
    "checkpoint.damaged": (
        (
            QT_TRANSLATE_NOOP("engine", "The checkpoint {path} is damaged: {why}."),
            QT_TRANSLATE_NOOP(
                "engine", "Choose an older one with --step, or run `sit-engine doctor` on its run."
            ),
        ),
    ),
    "checkpoint.foreign": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The checkpoint {path} does not fit the settings of its run: {why}."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "It may belong to another run; choose an older one with --step."
            ),
        ),
    ),
    "checkpoint.gone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The run {path} was trained to step {step}, but all its checkpoints are gone.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Put its folder `checkpoints` back from a copy, or train anew with `sit-engine pretrain --config {path}/config.toml`.",
            ),
        ),
    ),
    "checkpoint.no_step": (
        (
            QT_TRANSLATE_NOOP("engine", "The run {path} has no checkpoint of step {step}."),
            QT_TRANSLATE_NOOP("engine", "It has {steps}."),
        ),
    ),
    "checkpoint.none": (
        (QT_TRANSLATE_NOOP("engine", "The run {path} has no checkpoint that can be used."), ""),
    ),
    "checkpoint.rejected": (
        (QT_TRANSLATE_NOOP("engine", "A newer checkpoint is passed over. {why}"), ""),
    ),
    "checkpoint.vanished": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The newest checkpoint that was written, of step {step}, is gone; the run goes on from that of step {found}.",
            ),
            "",
        ),
    ),
    "command.done": ((QT_TRANSLATE_NOOP("engine", "done"), ""),),
    "command.refused_epoch": (
        (QT_TRANSLATE_NOOP("engine", "refused: the run is at epoch {epoch} already"), ""),
    ),
    "command.refused_leg": (
        (QT_TRANSLATE_NOOP("engine", "refused: the run was resumed or ended since; ask again"), ""),
    ),
    "command.refused_length": (
        (QT_TRANSLATE_NOOP("engine", "refused: a run has at most {most} epochs"), ""),
    ),
    "compare.data": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The settings {name} name other images, or read them otherwise; all train on {folder}, with the data settings of {first}.",
            ),
            "",
        ),
    ),
    "compare.exists": (
        (
            QT_TRANSLATE_NOOP("engine", "{out} exists already and holds no comparison."),
            QT_TRANSLATE_NOOP("engine", "Choose another --out."),
        ),
    ),
    "compare.folder_missing": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder of its images is not there: {folder}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "If it moved, give the same command the folder as it is now. Check that the disk it is on is connected. What was trained so far is kept.",
            ),
        ),
    ),
    "compare.gone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Missing or unreadable now: {count} images of the runs in it; the first: {paths}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "If they moved, give the same command the folder that holds them all now. Otherwise put them back. What was trained so far is kept.",
            ),
        ),
    ),
    "compare.images": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Images of {folder}, or of the test folder, came or went since this comparison began.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Put them back to go on, or begin a new comparison with another --out."
            ),
        ),
    ),
    "compare.locked": (
        (
            QT_TRANSLATE_NOOP("engine", "Another process works on the comparison {out}."),
            QT_TRANSLATE_NOOP("engine", "Wait for it, or stop it where it runs."),
        ),
    ),
    "compare.method": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The settings {name} are for {method}, which learns from labels; compare is for methods that pretrain.",
            ),
            QT_TRANSLATE_NOOP("engine", "Leave {name} out, or choose another method.name in it."),
        ),
    ),
    "compare.moved": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The comparison {out} was moved to {place} while it worked."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Start it again there; what it has trained so far is kept."
            ),
        ),
    ),
    "compare.no_test": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "There are no images to test on: nothing is held out of training."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give --test FOLDER, or set data.watch_share above 0 in the first settings.",
            ),
        ),
    ),
    "compare.number": (
        (
            QT_TRANSLATE_NOOP("engine", "The number of {name} cannot be {value}."),
            QT_TRANSLATE_NOOP("engine", "Give one above 0."),
        ),
    ),
    "compare.one": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "There is nothing to compare: {count} settings were given."
            ),
            QT_TRANSLATE_NOOP("engine", "Give two or more files of settings."),
        ),
    ),
    "compare.other": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The folder {out} holds a comparison that was asked for with other {what}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Choose another --out, or ask for the same again to go on."
            ),
        ),
    ),
    "compare.settings": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no file and no preset {name}."),
            QT_TRANSLATE_NOOP("engine", "Presets are {presets}."),
        ),
    ),
    "config.backbone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The setting model.{key} = {given} does not fit model.backbone = {chosen}.",
            ),
            QT_TRANSLATE_NOOP("engine", "Leave it out, or choose model.backbone = custom."),
        ),
    ),
    "config.batch": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The batch size {batch} is larger than the {images} training images."
            ),
            QT_TRANSLATE_NOOP("engine", "Set optim.batch_size to {images} or less, or add images."),
        ),
    ),
    "config.batch_ranks": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "A batch of {batch} images cannot be shared evenly by {count} processes."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Set optim.batch_size to a multiple of {count}, or take fewer processes."
            ),
        ),
    ),
    "config.divide": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The setting {field} = {value} does not divide {whole_field} = {whole}."
            ),
            QT_TRANSLATE_NOOP("engine", "Choose one of {choices}."),
        ),
    ),
    "config.duplicates_above": (
        (
            QT_TRANSLATE_NOOP("engine", "Images cannot be nearly equal above a cosine of {value}."),
            QT_TRANSLATE_NOOP("engine", "Give one above 0 and at most 1."),
        ),
    ),
    "config.epochs": (
        (
            QT_TRANSLATE_NOOP("engine", "The number of epochs cannot be {value}."),
            QT_TRANSLATE_NOOP("engine", "Give one above 0 and up to {most}."),
        ),
    ),
    "config.extend": (
        (
            QT_TRANSLATE_NOOP("engine", "The run cannot be trained to {epochs} epochs: {answer}."),
            QT_TRANSLATE_NOOP("engine", "Give --epochs with a larger number."),
        ),
    ),
    "config.frozen": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The setting method.{name} changes pixels, but with method.trained = head features are computed once.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Leave method.{name} out, or set method.trained to blocks or all."
            ),
        ),
    ),
    "config.group": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The setting {field} cannot be {value}; it is a group of settings."
            ),
            QT_TRANSLATE_NOOP("engine", "Write for example {example} = {default}."),
        ),
    ),
    "config.labels_file": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Labels are to come from a CSV file, but no file is named."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Set data.labels_file to a CSV file with the columns path and label."
            ),
        ),
    ),
    "config.length": (
        (
            QT_TRANSLATE_NOOP("engine", "Both optim.epochs and optim.minutes are set."),
            QT_TRANSLATE_NOOP("engine", "Leave one of them out."),
        ),
    ),
    "config.method": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no method {value}."),
            QT_TRANSLATE_NOOP("engine", "Choose from {allowed}."),
        ),
    ),
    "config.network": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no network {network}."),
            QT_TRANSLATE_NOOP("engine", "Choose student or teacher."),
        ),
    ),
    "config.no_corruption": (
        (
            QT_TRANSLATE_NOOP("engine", "The method {method} hides nothing of its images."),
            QT_TRANSLATE_NOOP("engine", "Choose another method."),
        ),
    ),
    "config.no_loss": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Every loss of the method {method} is switched off: there is nothing to learn from.",
            ),
            QT_TRANSLATE_NOOP("engine", "Give one of its weights a value above 0."),
        ),
    ),
    "config.no_teacher": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The setting method.features cannot be teacher: without the contrast info_nce there is none.",
            ),
            QT_TRANSLATE_NOOP("engine", "Set method.features to student."),
        ),
    ),
    "config.not_of_method": (
        (
            QT_TRANSLATE_NOOP("engine", "The setting {field} is none of the method {method}."),
            QT_TRANSLATE_NOOP(
                "engine", "Leave it out; `sit-engine config --method {method}` lists all settings."
            ),
        ),
    ),
    "config.nothing_corrupted": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Nothing is corrupted, so there is nothing to reconstruct."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Set method.reconstruct to all, choose a method.corruption.kind, or set method.reconstruction_weight to 0.",
            ),
        ),
    ),
    "config.order": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The setting method.views.{low} is above method.views.{high}."
            ),
            QT_TRANSLATE_NOOP("engine", "Swap the two or raise the second."),
        ),
    ),
    "config.preset": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no preset {value}."),
            QT_TRANSLATE_NOOP("engine", "Choose from {allowed}."),
        ),
    ),
    "config.pretrain_method": (
        (
            QT_TRANSLATE_NOOP("engine", "The settings are for {method}, which learns from labels."),
            QT_TRANSLATE_NOOP(
                "engine", "Use `sit-engine finetune START FOLDER --config FILE`, or give --method."
            ),
        ),
    ),
    "config.run_has_no_teacher": (
        (
            QT_TRANSLATE_NOOP("engine", "The run {path} has no teacher."),
            QT_TRANSLATE_NOOP("engine", "Choose student, or leave it out."),
        ),
    ),
    "config.tokens": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Tokens that the tasks read: {read}; tokens that the network has before its patches: {tokens}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Switch tasks on or off to fit it, or leave model.tokens and model.weights out.",
            ),
        ),
    ),
    "config.toml": (
        (
            QT_TRANSLATE_NOOP("engine", "The config file {path} is not valid TOML: {why}."),
            QT_TRANSLATE_NOOP(
                "engine", "Correct that line, or write a new file with `sit-engine config`."
            ),
        ),
    ),
    "config.unknown": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no setting {field}."),
            QT_TRANSLATE_NOOP("engine", "Did you mean {near}?"),
        ),
    ),
    "config.unreadable": (
        (
            QT_TRANSLATE_NOOP("engine", "The config file {path} cannot be read: {why}."),
            QT_TRANSLATE_NOOP("engine", "Check that the file exists and is text."),
        ),
    ),
    "config.value": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The setting {field} cannot be {value}; allowed: {allowed}."
            ),
            QT_TRANSLATE_NOOP("engine", "{title}: {help}"),
        ),
    ),
    "config.weights_heads": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The weights {file} do not say how many attention heads their network has.",
            ),
            QT_TRANSLATE_NOOP("engine", "Set model.heads."),
        ),
    ),
    "config.weights_size": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The setting model.{name} = {value} does not fit the weights {file}: theirs is {theirs}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Leave model.{name} out, or choose other weights in model.weights."
            ),
        ),
    ),
    "data.batch_unreadable": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "None of the {count} images of a step can be read any more; the first is {path}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Check that the disk with the images is connected, then resume the run."
            ),
        ),
    ),
    "data.cancelled": ((QT_TRANSLATE_NOOP("engine", "Reading the images was cancelled."), ""),),
    "data.changed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The training images are not the ones that this run was started with: files changed.",
            ),
            "",
        ),
    ),
    "data.changed_file": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "has changed since it was decoded, and its decoded pixels are damaged"
            ),
            "",
        ),
    ),
    "data.channels": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "has {1}; grey or three colours, with or without alpha, can be read"
            ),
            "",
        ),
    ),
    "data.class_too_small": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{count} classes have a single image, the first is {name}: one to learn from and one to validate on are needed.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Add images to them, remove them, or set data.watch_share = 0 to train without validation.",
            ),
        ),
    ),
    "data.classes_alike": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Classes whose names differ only in case, blanks or Unicode form: {count}, such as “{one}” and “{other}”; they are learnt and counted as different ones.",
            ),
            "",
        ),
    ),
    "data.classes_single": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Classes of a single image: {count}, such as {name}; none can be held out of them to measure on.",
            ),
            "",
        ),
    ),
    "data.crashed": ((QT_TRANSLATE_NOOP("engine", "crashed the image decoder"), ""),),
    "data.damaged": (
        (QT_TRANSLATE_NOOP("engine", "is damaged: its pixels cannot be read"), ""),
        (QT_TRANSLATE_NOOP("engine", "begins like an image, but is damaged or cut off"), ""),
    ),
    "data.decoder_start": (
        (
            QT_TRANSLATE_NOOP("engine", "The image decoder cannot be started."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Install SiT Studio again; {python} -m sit_engine.data.decode.decoder should wait.",
            ),
        ),
    ),
    "data.depth": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "stores {1} bits a value in a layout that this program does not read"
            ),
            "",
        ),
    ),
    "data.dicom": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "is a DICOM file, which this program does not read; export its images as TIFF or PNG",
            ),
            "",
        ),
    ),
    "data.empty": ((QT_TRANSLATE_NOOP("engine", "is empty (0 bytes)"), ""),),
    "data.fits": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "is a FITS file of another kind than one plain plane; export it as TIFF"
            ),
            "",
        ),
    ),
    "data.folder_missing": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no folder {folder}."),
            QT_TRANSLATE_NOOP(
                "engine", "Check the spelling, and that the disk it is on is connected."
            ),
        ),
    ),
    "data.folder_unreadable": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder {folder} may not be read."),
            QT_TRANSLATE_NOOP(
                "engine", "Give yourself the right to read it, or choose another folder."
            ),
        ),
        (QT_TRANSLATE_NOOP("engine", "is a folder that may not be read"), ""),
    ),
    "data.foreign_program": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The file {path} is a program, and it was not exported on this machine."
            ),
            QT_TRANSLATE_NOOP("engine", "Open it only if you trust who made it: add --trust."),
        ),
    ),
    "data.gone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Missing or unreadable now: {count} images of the run; the first: {paths}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "If they moved, say where to with --folders FOLDER. Put them back, or go on without them with --without-missing. The run and its checkpoints are kept.",
            ),
        ),
    ),
    "data.gone_too_many": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{count} images of the run are gone, and only {left} training images are left; its batches need {fewest}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Put them back, then resume. The run and its checkpoints are kept."
            ),
        ),
    ),
    "data.heic": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "is a HEIC photo; install pillow-heif (pip install 'sit-studio[heic]') to read it, or export it as JPEG",
            ),
            "",
        ),
    ),
    "data.image": (
        (
            QT_TRANSLATE_NOOP("engine", "The image {path} {reason}."),
            QT_TRANSLATE_NOOP("engine", "Choose other images."),
        ),
    ),
    "data.jxl": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "is a JPEG XL image, which this program does not read; export it as PNG"
            ),
            "",
        ),
    ),
    "data.labels_ambiguous": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Line {line} of the label file {file} names {path}, which stands in several folders.",
            ),
            QT_TRANSLATE_NOOP("engine", "Write the whole path there."),
        ),
    ),
    "data.labels_columns": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The label file {file} has the columns {columns}; {path} and {label} are needed.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Name them in its first line, in any order, or say how they are called (--path-column, --label-column).",
            ),
        ),
    ),
    "data.labels_conflict": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The label file {file} gives {path} two labels: {first} in line {first_line}, {second} in line {second_line}.",
            ),
            QT_TRANSLATE_NOOP("engine", "Remove one of the two lines."),
        ),
    ),
    "data.labels_csv": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The label file {file} cannot be read: line {line} is not valid CSV ({why}).",
            ),
            QT_TRANSLATE_NOOP("engine", "Correct that line, or save the table again as CSV."),
        ),
    ),
    "data.labels_encoding": (
        (
            QT_TRANSLATE_NOOP("engine", "The label file {file} is not UTF-8 text (byte {place})."),
            QT_TRANSLATE_NOOP("engine", 'Save it as "CSV UTF-8" in the program that made it.'),
        ),
    ),
    "data.labels_needed": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Finetuning learns from labels, but the images have {count}."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Put the images of each class into a sub-folder of its own, or give data.labels_file.",
            ),
        ),
    ),
    "data.labels_no_match": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "None of the {rows} rows of the label file {file} names one of the images.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Write paths relative to the file's folder or to a folder of images, or whole paths.",
            ),
        ),
    ),
    "data.labels_unmatched": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Rows of the label file that name no image that is there: {count}."
            ),
            "",
        ),
    ),
    "data.labels_unreadable": (
        (
            QT_TRANSLATE_NOOP("engine", "The label file {file} cannot be read: {why}."),
            QT_TRANSLATE_NOOP("engine", "Check its name, and that you may read it."),
        ),
    ),
    "data.large": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Images of 100 megapixels or more: {count}, such as {path}; views show them much reduced, so cut them into tiles if their details matter.",
            ),
            "",
        ),
    ),
    "data.layout": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The folder was understood as {shape}: {train} images to train on, {val} to validate on, {test} to test on, which no training sees, and {other} outside of these, which are left out. --layout overrules this.",
            ),
            "",
        ),
    ),
    "data.linked_again": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Links to a folder that is there already: {count}, such as {path}; its images count once.",
            ),
            "",
        ),
    ),
    "data.memory": ((QT_TRANSLATE_NOOP("engine", "needs more memory than there is"), ""),),
    "data.mended": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The decoded pixels of {count} images in the cache were damaged, and were decoded anew; the first: {path}",
            ),
            "",
        ),
    ),
    "data.moved": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The images of this run are taken from {folders} from now on. Found by their content: {content} of {images}; by their names alone, since nothing is known of their content: {names}; with another name than before: {renamed}.",
            ),
            "",
        ),
    ),
    "data.no_folder": (
        (
            QT_TRANSLATE_NOOP("engine", "No folder of images was given."),
            QT_TRANSLATE_NOOP("engine", "Name one or more."),
        ),
    ),
    "data.no_image_given": (
        (
            QT_TRANSLATE_NOOP("engine", "No image was given."),
            QT_TRANSLATE_NOOP("engine", "Choose one or more."),
        ),
    ),
    "data.no_images": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "There is no usable image in {where} ({files} files looked at)."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Choose a folder that holds images, such as JPEG, PNG or TIFF files. {why}",
            ),
        ),
    ),
    "data.no_program": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {path} is no model that this program exported."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give a run folder, or a .pt, .pt2 or .onnx file made by `sit-engine export`.",
            ),
        ),
    ),
    "data.no_sample": (
        (
            QT_TRANSLATE_NOOP("engine", "The photograph {file} of the built-in sample is missing."),
            QT_TRANSLATE_NOOP("engine", "Install scikit-image and scikit-learn again."),
        ),
    ),
    "data.no_test": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The test folder has no image of a class that the training folder has."
            ),
            QT_TRANSLATE_NOOP("engine", "Use the same names of sub-folders in both."),
        ),
        (
            QT_TRANSLATE_NOOP("engine", "No folder of test images was given."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Name one with --test; only a run whose folder has test images of its own knows them.",
            ),
        ),
    ),
    "data.no_train": (
        (
            QT_TRANSLATE_NOOP("engine", "No folder of training images was given."),
            QT_TRANSLATE_NOOP(
                "engine", "Name one with --train; only a finetuned run knows its own."
            ),
        ),
    ),
    "data.not_a_file": (
        (QT_TRANSLATE_NOOP("engine", "is a {1}, not a file"), ""),
        (QT_TRANSLATE_NOOP("engine", "is not a regular file"), ""),
    ),
    "data.not_a_folder": (
        (
            QT_TRANSLATE_NOOP("engine", "{folder} is a file, not a folder."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give the folder that holds your images; an archive has to be unpacked first.",
            ),
        ),
    ),
    "data.not_an_image": ((QT_TRANSLATE_NOOP("engine", "is not an image that can be read"), ""),),
    "data.not_there": (
        (
            QT_TRANSLATE_NOOP("engine", "None of the {count} images of this run is in {folders}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Choose the folder that holds them now; they are known by their content, whatever their names are.",
            ),
        ),
    ),
    "data.numpy": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "is a NumPy array, not an image; save its images as TIFF or PNG"
            ),
            "",
        ),
    ),
    "data.one_class": (
        (
            QT_TRANSLATE_NOOP("engine", "The training folder has fewer than two classes."),
            QT_TRANSLATE_NOOP(
                "engine", "Put the images of each class into a sub-folder of its own."
            ),
        ),
    ),
    "data.one_pixel": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Images of a single pixel: {count}, such as {path}; there is nothing to learn from them.",
            ),
            "",
        ),
    ),
    "data.only_copies": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "All {count} test images are also training images, byte by byte."
            ),
            QT_TRANSLATE_NOOP("engine", "Give test images that the network has not learnt from."),
        ),
    ),
    "data.other_class": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The training folder has images of what the run never learnt: {classes}."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Leave --train out to use the run's own training images, or finetune with this folder.",
            ),
        ),
    ),
    "data.permission": ((QT_TRANSLATE_NOOP("engine", "may not be read by this user"), ""),),
    "data.problems": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Files that cannot be used: {count}; the first: {path}: {reason}"
            ),
            "",
        ),
    ),
    "data.program_classes": (
        (
            QT_TRANSLATE_NOOP("engine", "The model {path} gives features, not classes."),
            QT_TRANSLATE_NOOP("engine", "Export one from a finetuned run."),
        ),
    ),
    "data.raw": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "is a camera raw file; develop it and export it as TIFF, PNG or JPEG"
            ),
            "",
        ),
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "is a camera raw file, of which only a small preview could be read; develop it and export it as TIFF, PNG or JPEG",
            ),
            "",
        ),
    ),
    "data.renamed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Files of this run with other names than before, known by their content: {renamed}.",
            ),
            "",
        ),
    ),
    "data.streamed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{count} of {images} images are read from their files in every epoch: decoded, all of them would take {needed} GB, more than data.cache_gb ({budget} GB) or the disk has room for.",
            ),
            "",
        ),
    ),
    "data.test_only_class": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The test folder has images of what was never learnt: {classes}. A class that was never learnt cannot be answered.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Remove it from the test folder, or add images of it to the training folder.",
            ),
        ),
    ),
    "data.too_few": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "There are only {found} usable images in {where}; at least {at_least} are needed.",
            ),
            QT_TRANSLATE_NOOP("engine", "Add images, or choose a folder with more. {why}"),
        ),
    ),
    "data.too_many_pixels": (
        (QT_TRANSLATE_NOOP("engine", "has too many pixels; at most {1} million are read"), ""),
    ),
    "data.too_slow": ((QT_TRANSLATE_NOOP("engine", "took longer than {1} s to read"), ""),),
    "data.truncated": ((QT_TRANSLATE_NOOP("engine", "is cut off: its end is missing"), ""),),
    "data.two_labels": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The same picture under two labels: {count}, such as {one} and {other}; whatever is answered for it is wrong once.",
            ),
            "",
        ),
    ),
    "data.unlabelled": (
        (QT_TRANSLATE_NOOP("engine", "Left out, since they have no label: {count} images."), ""),
    ),
    "data.unreadable": ((QT_TRANSLATE_NOOP("engine", "could not be read from the disk: {1}"), ""),),
    "data.unsupported": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "is of a kind of its format that this program does not read"
            ),
            "",
        ),
    ),
    "data.vanished": (
        (QT_TRANSLATE_NOOP("engine", "is a link that leads nowhere"), ""),
        (QT_TRANSLATE_NOOP("engine", "is a link to a file that does not exist"), ""),
        (QT_TRANSLATE_NOOP("engine", "vanished while its folder was listed"), ""),
        (QT_TRANSLATE_NOOP("engine", "vanished before it could be read"), ""),
    ),
    "data.weights": (
        (
            QT_TRANSLATE_NOOP("engine", "The weights {path} cannot be used: {why}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give a run, a safetensors file of a vision transformer, or a folder that timm wrote; `sit-engine import` makes one of other files.",
            ),
        ),
    ),
    "data.weights_damaged": (
        (
            QT_TRANSLATE_NOOP("engine", "The weights {path} are damaged: {why}."),
            QT_TRANSLATE_NOOP("engine", "Fetch or export them again."),
        ),
    ),
    "data.weights_fit": (
        (
            QT_TRANSLATE_NOOP("engine", "The weights {file} do not fit the network: {why}."),
            QT_TRANSLATE_NOOP(
                "engine", "Leave the sizes of the model out: they are then those of the weights."
            ),
        ),
    ),
    "demo.exists": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder {path} is not empty."),
            QT_TRANSLATE_NOOP("engine", "Remove it, or choose another with --out."),
        ),
    ),
    "demo.running": (
        (
            QT_TRANSLATE_NOOP("engine", "A demo is training in {path} now."),
            QT_TRANSLATE_NOOP("engine", "Wait for it, or choose another folder with --out."),
        ),
    ),
    "device.compiler": (
        (
            QT_TRANSLATE_NOOP("engine", "The networks' passes cannot be compiled on this machine."),
            QT_TRANSLATE_NOOP("engine", "Set compute.compile to off."),
        ),
    ),
    "device.gpus": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "--gpus {count} needs as many GPUs and compute.device = auto or cuda; this machine has {found}, and the device is {device}.",
            ),
            QT_TRANSLATE_NOOP("engine", "Give --gpus {found} or less, and leave --device out."),
        ),
    ),
    "device.gpus_none": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "This machine has no GPU that torch can use, so {count} cannot share a run.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Leave --gpus out, or add --device cpu to try several processes."
            ),
        ),
    ),
    "device.index": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no device {wanted}; this machine has {count}."),
            QT_TRANSLATE_NOOP("engine", "Choose cuda:0 to cuda:{last}."),
        ),
    ),
    "device.no_gpu": (
        (
            QT_TRANSLATE_NOOP("engine", "The device {wanted} cannot be used: {why}."),
            QT_TRANSLATE_NOOP("engine", "Set compute.device to auto or cpu."),
        ),
    ),
    "device.one_for_all": (
        (
            QT_TRANSLATE_NOOP("engine", "The device {wanted} cannot be that of all processes."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Set compute.device to auto or cuda; CUDA_VISIBLE_DEVICES chooses among GPUs.",
            ),
        ),
    ),
    "disk.cache": (
        (
            QT_TRANSLATE_NOOP("engine", "The pixel cache in {path} cannot be used: {why}."),
            QT_TRANSLATE_NOOP("engine", "Set SIT_CACHE_DIR to a folder that you may write to."),
        ),
    ),
    "disk.cache_budget": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The decoded pixels of {images} images would take {needed} GB; the cache budget is {budget} GB.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Raise data.cache_gb, choose a smaller view size, or use fewer images."
            ),
        ),
    ),
    "disk.cache_busy": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Another SiT Studio process is still filling the pixel cache in {path}."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Wait until it has finished, or set SIT_CACHE_DIR to another folder."
            ),
        ),
    ),
    "disk.folder_taken": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder {out} holds other files."),
            QT_TRANSLATE_NOOP("engine", "Choose a new folder with --out."),
        ),
    ),
    "disk.full": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The disk is full: the decoded pixels do not fit in {path}."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Free some space, or set SIT_CACHE_DIR to a folder on a larger disk. What was decoded is kept.",
            ),
        ),
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The decoded pixels take {needed} GB; the disk of {path} has {free} GB free.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Free some space, or set SIT_CACHE_DIR to a folder on a larger disk."
            ),
        ),
    ),
    "disk.sample": (
        (
            QT_TRANSLATE_NOOP("engine", "The built-in sample cannot be written to {path}: {why}."),
            QT_TRANSLATE_NOOP("engine", "Choose a folder that you may write to, with 10 MB free."),
        ),
    ),
    "disk.unusable": (
        (
            QT_TRANSLATE_NOOP("engine", "{path} cannot be used: {why}."),
            QT_TRANSLATE_NOOP("engine", "Check its name, your rights and the disk."),
        ),
    ),
    "disk.write": (
        (
            QT_TRANSLATE_NOOP("engine", "Cannot write to {path}: {why}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Free some space or choose another place; everything written before is kept.",
            ),
        ),
    ),
    "embedded.inside": (
        (
            QT_TRANSLATE_NOOP("engine", "{out} would lie inside the folder of images {folder}."),
            QT_TRANSLATE_NOOP("engine", "Choose another place with --out."),
        ),
    ),
    "embedded.missing": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "There are no embedded images in {path}, or they are damaged."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Make them with `sit-engine embed RUN FOLDER --out {path}`."
            ),
        ),
    ),
    "embedded.no_umap": (
        (
            QT_TRANSLATE_NOOP("engine", "UMAP is not installed."),
            QT_TRANSLATE_NOOP(
                "engine", "Install it with `pip install 'sit-studio[umap]'`, or use PCA or t-SNE."
            ),
        ),
    ),
    "embedded.taken": (
        (
            QT_TRANSLATE_NOOP("engine", "{path} exists already and holds no embedded images."),
            QT_TRANSLATE_NOOP("engine", "Choose another place with --out."),
        ),
    ),
    "embedded.too_few": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "A map by neighbours needs at least {fewest} images; there are {found}."
            ),
            QT_TRANSLATE_NOOP("engine", "Use the PCA map."),
        ),
    ),
    "embedded.too_many": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "t-SNE takes too long for {found} images; it is made for at most {most}."
            ),
            QT_TRANSLATE_NOOP("engine", "Use the PCA map or UMAP, or embed fewer images."),
        ),
    ),
    "export.differs": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The exported file {file} differs from the model by {difference} (allowed {most}).",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Keep the run and report this; the file was left for a look."
            ),
        ),
    ),
    "export.exists": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {out} exists and is no TorchScript program."),
            QT_TRANSLATE_NOOP("engine", "Choose a new name with --out."),
        ),
    ),
    "export.exists_other": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {out} exists and is no {what}."),
            QT_TRANSLATE_NOOP("engine", "Choose a new name with --out."),
        ),
    ),
    "export.head": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "timm's layout has no place for this run's classifier: it has two layers, or reads two tokens.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Use --format torchscript, onnx or pt2, or --head features."
            ),
        ),
    ),
    "export.onnx_missing": (
        (
            QT_TRANSLATE_NOOP("engine", "ONNX needs packages that are not installed: {names}."),
            QT_TRANSLATE_NOOP("engine", "Install them with: pip install 'sit-studio[onnx]'"),
        ),
    ),
    "export.reload": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The exported file {file} could not be run in a clean process: {why}."
            ),
            QT_TRANSLATE_NOOP("engine", "Try another --format."),
        ),
    ),
    "export.stem": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "timm has no vision transformer with this run's convolutional stem, so it could not load the weights.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Use --format torchscript, onnx or pt2, or train with --model.stem patch."
            ),
        ),
    ),
    "export.torchscript": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "This Python ({python}) and torch ({torch}) cannot make TorchScript."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Use --format safetensors, or export with Python 3.13 or older."
            ),
        ),
    ),
    "file.damaged": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {path} is damaged: {why}."),
            QT_TRANSLATE_NOOP("engine", "Restore it from a copy, or put it aside."),
        ),
    ),
    "file.gone": ((QT_TRANSLATE_NOOP("engine", "is gone since the run began"), ""),),
    "file.missing": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {path} is missing."),
            QT_TRANSLATE_NOOP("engine", "Restore it from a copy."),
        ),
    ),
    "file.not_regular": (
        (
            QT_TRANSLATE_NOOP("engine", "{path} is no regular file."),
            QT_TRANSLATE_NOOP("engine", "Something else made it there; put it aside."),
        ),
    ),
    "file.not_text": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The file {path} is damaged: byte {at} is no text (UTF-8)."
            ),
            QT_TRANSLATE_NOOP("engine", "Restore it from a copy, or put it aside."),
        ),
    ),
    "file.too_large": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The file {path} is larger than {most} bytes, which no file of its kind is.",
            ),
            QT_TRANSLATE_NOOP("engine", "Something else wrote it; put it aside."),
        ),
    ),
    "file.unfit_lines": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{path} holds lines that this program did not write ({count}); they are passed over.",
            ),
            QT_TRANSLATE_NOOP("engine", "What the other lines tell is shown."),
        ),
    ),
    "file.unreadable": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {path} cannot be read: {why}."),
            QT_TRANSLATE_NOOP("engine", "Check its rights and the disk."),
        ),
    ),
    "finetune.early_stop": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Ended at step {step}: {count} readings brought no better validation."
            ),
            "",
        ),
    ),
    "finetune.like": (
        (
            QT_TRANSLATE_NOOP("engine", "--like goes with the word scratch alone."),
            QT_TRANSLATE_NOOP("engine", "Write `sit-engine finetune scratch --like RUN`."),
        ),
    ),
    "health.collapsed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The features have collapsed: every image looks the same to the model. Lower the learning rate.",
            ),
            "",
        ),
    ),
    "health.early": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "It is too early to tell: that takes until step {from_step} (epoch {from_epoch}). Sets of this size need about {needed} epochs.",
            ),
            "",
        ),
    ),
    "health.learning": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "It is learning: nearest neighbours are right for {accuracy} of the watched images, {untrained} before training.",
            ),
            "",
        ),
    ),
    "health.not_learning": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "No gain can be seen yet: nearest neighbours are right for {accuracy} of the watched images, {untrained} before training (± {interval}). Sets of this size need about {needed} epochs; more of them, or more images, may help.",
            ),
            "",
        ),
    ),
    "health.not_started": ((QT_TRANSLATE_NOOP("engine", "Training has not started yet."), ""),),
    "health.too_short": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "This run is too short to tell: it has {steps} steps, and {from_step} are the least. Sets of this size need about {needed} epochs.",
            ),
            "",
        ),
    ),
    "health.unlabelled": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The features have not collapsed. Without labels it cannot be known whether they fit your classes; k-NN watches from two classes and a hundred images on.",
            ),
            "",
        ),
    ),
    "import.heads": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "A width of {width} cannot be shared by {heads} attention heads."
            ),
            QT_TRANSLATE_NOOP("engine", "Give --heads a divisor of the width."),
        ),
    ),
    "import.heads_unknown": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The file {file} does not say how many attention heads its network has, and its width {width} is no usual one.",
            ),
            QT_TRANSLATE_NOOP("engine", "Give --heads."),
        ),
    ),
    "import.image_size": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "Views of {side} px are no whole number of patches of {patch} px."
            ),
            QT_TRANSLATE_NOOP("engine", "Give --image-size a multiple of the patch."),
        ),
    ),
    "import.needs": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The file {file} holds {needed}, which is not opened: tensors, plain values and argparse.Namespace alone are, since more could run code.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                'Numbers of numpy often stand in an optimiser\'s state. If you trust where the file comes from, save its network alone, such as `torch.save(torch.load("{file}", weights_only=False)["student"], "student.pth")`, and import that.',
            ),
        ),
    ),
    "import.network": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The file {file} has no network {network}; it has {present}."
            ),
            QT_TRANSLATE_NOOP("engine", "Choose one of those with --network, or leave it out."),
        ),
    ),
    "import.sizes": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The network of {file} cannot be built here: its {setting} {why}."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give --heads or --image-size, where it is theirs; else the network is out of bounds.",
            ),
        ),
    ),
    "import.taken": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The folder {out} holds weights that were imported from {source}."
            ),
            QT_TRANSLATE_NOOP("engine", "Choose another --out."),
        ),
    ),
    "import.unusable": (
        (
            QT_TRANSLATE_NOOP("engine", "The file {file} cannot be imported: {why}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Give a checkpoint of a plain vision transformer by SiT (2021 or 2022), DINO, MoCo v3 or timm.",
            ),
        ),
    ),
    "index.taken": (
        (
            QT_TRANSLATE_NOOP("engine", "{path} exists already and holds something else."),
            QT_TRANSLATE_NOOP("engine", "Choose another place."),
        ),
    ),
    "internal": (
        (
            QT_TRANSLATE_NOOP("engine", "Something went wrong inside the program ({kind})."),
            QT_TRANSLATE_NOOP(
                "engine",
                "This is our fault. Details are in {file}; please report it with that file.",
            ),
        ),
        (
            QT_TRANSLATE_NOOP("engine", "Something went wrong inside the program ({1})."),
            QT_TRANSLATE_NOOP("engine", "This is our fault. Copy the details and report them."),
        ),
    ),
    "memory.address_space": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "This process may use {limit} GB of address space; {verb} needs {needed} GB, most of it only on paper.",
            ),
            QT_TRANSLATE_NOOP("engine", "Lift the limit (`ulimit -v unlimited`) and try again."),
        ),
    ),
    "memory.device": (
        (
            QT_TRANSLATE_NOOP("engine", "There was not enough memory for {batch} images a step."),
            QT_TRANSLATE_NOOP(
                "engine", "Set optim.batch_size to {half}, or choose a smaller backbone."
            ),
        ),
    ),
    "memory.process": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "There was not enough memory, or this process may not use enough of it."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Close other programs, lift its limit (`ulimit -v`), or set smaller sizes; then try again.",
            ),
        ),
    ),
    "memory.ranks": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "There was not enough memory for the share of a batch on process {number} of {count}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Set compute.recompute to on, or compute.parts to a larger number."
            ),
        ),
    ),
    "model.stem": ((QT_TRANSLATE_NOOP("engine", "patch"), ""),),
    "optim.optimiser": ((QT_TRANSLATE_NOOP("engine", "adamw"), ""),),
    "predict.taken": (
        (
            QT_TRANSLATE_NOOP("engine", "{path} exists already and is no table of predictions."),
            QT_TRANSLATE_NOOP("engine", "Choose another place with --csv."),
        ),
    ),
    "ranks.images": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The images that process {number} of {count} finds are not those of the run.",
            ),
            QT_TRANSLATE_NOOP("engine", "Give every machine the same files under the same path."),
        ),
    ),
    "ranks.join": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The processes of this run did not find each other: {why}."
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "With torchrun check the address, the port and the number of processes; else try again.",
            ),
        ),
    ),
    "ranks.killed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Process {number} of {count} was ended from outside (signal {signal}), so the run stopped.",
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Continue from the newest checkpoint with `sit-engine resume`."
            ),
        ),
    ),
    "ranks.lost": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Another process of this run ended, so process {number} of {count} ends too ({why}).",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Look at what that process said. A run that had begun goes on with `sit-engine resume`.",
            ),
        ),
    ),
    "repair.aside": ((QT_TRANSLATE_NOOP("engine", "{name} was put aside as {aside}: {why}"), ""),),
    "repair.checkpoints": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{count} checkpoints or files that it was writing were cleared or put back.",
            ),
            "",
        ),
    ),
    "repair.format": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The number of the run's format was written anew. What stood there is now {aside}.",
            ),
            "",
        ),
        (QT_TRANSLATE_NOOP("engine", "The number of the run's format was written anew."), ""),
    ),
    "repair.lock": (
        (QT_TRANSLATE_NOOP("engine", "The lock of a process that is gone was removed."), ""),
    ),
    "run.changed": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The settings or the split of the run {path} were changed by hand: {what}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Change them back (as they were they stand in {copies}), or go on with them as they are now: `sit-engine resume {path} --accept-changes`.",
            ),
        ),
    ),
    "run.complete": (
        (
            QT_TRANSLATE_NOOP("engine", "The run {path} is complete."),
            QT_TRANSLATE_NOOP("engine", "Give --epochs with a larger number to train it further."),
        ),
    ),
    "run.died": (
        (
            QT_TRANSLATE_NOOP("engine", "The run {path} ended without an answer."),
            QT_TRANSLATE_NOOP("engine", "Look at it with `sit-engine doctor {path}`."),
        ),
    ),
    "run.exists": (
        (
            QT_TRANSLATE_NOOP("engine", "The run folder {path} exists already."),
            QT_TRANSLATE_NOOP(
                "engine", "Choose another --out, or continue it with `sit-engine resume {path}`."
            ),
        ),
    ),
    "run.file_damaged": (
        (
            QT_TRANSLATE_NOOP("engine", "The run's file {path} cannot be used: {why}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "`sit-engine repair {run}` brings it back where a checkpoint holds a copy, and so does `sit-engine resume {run}`; else restore it from a copy of yours.",
            ),
        ),
    ),
    "run.folder_gone": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder of this run's images is not there: {folder}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "If it moved, say where to: `sit-engine resume {run} --folders FOLDER`. Check that the disk it is on is connected. What was asked for is kept.",
            ),
        ),
    ),
    "run.folder_missing": (
        (
            QT_TRANSLATE_NOOP("engine", "The folder of this run's images is not there: {folder}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "If it moved, say where to: `sit-engine repair {run} --folders FOLDER`, or --folders with this command. Check that the disk it is on is connected. The run and its checkpoints are kept.",
            ),
        ),
    ),
    "run.format": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The run in {path} has format {found}; this program reads format {known}."
            ),
            QT_TRANSLATE_NOOP("engine", "Open it with the version that made it."),
        ),
    ),
    "run.gone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The run folder {path} was removed or moved to another disk while it was written.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "If it was moved, continue it from its newest checkpoint with `sit-engine resume` and its new place.",
            ),
        ),
    ),
    "run.inside": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The run folder {out} would lie inside the folder of images {folder}."
            ),
            QT_TRANSLATE_NOOP("engine", "Choose another place with --out."),
        ),
    ),
    "run.locked": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The run {path} is being trained by another process ({holder})."
            ),
            QT_TRANSLATE_NOOP("engine", "Wait for it, or stop it with `sit-engine stop {path}`."),
        ),
    ),
    "run.missing": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no run in {path}."),
            QT_TRANSLATE_NOOP("engine", "Give a folder that `sit-engine pretrain` made."),
        ),
    ),
    "run.moved_damaged": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The file {path}, which says where the run's images are now, cannot be used: {why}.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Remove it. If the images are not where they were when the run began, give --folders FOLDER.",
            ),
        ),
    ),
    "run.no_classes": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The run {path} was pretrained without labels: it knows no classes to answer with.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Teach it some: sit-engine finetune {path} FOLDER, with one sub-folder a class.",
            ),
        ),
    ),
    "run.no_classifier": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The run {path} has no classifier: it was trained without labels."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Finetune it first with `sit-engine finetune`, or export --head features."
            ),
        ),
    ),
    "run.no_folder": (
        (
            QT_TRANSLATE_NOOP("engine", "There is no folder {path}."),
            QT_TRANSLATE_NOOP("engine", "Name the folder of runs."),
        ),
    ),
    "run.no_locks": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The disk of {path} has no locks: a heartbeat in the folder keeps other processes out. Do not train one run from two machines.",
            ),
            "",
        ),
    ),
    "run.not_finetuned": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The run {path} was not finetuned: there is nothing to compare a scratch run with.",
            ),
            QT_TRANSLATE_NOOP("engine", "Give a run that `sit-engine finetune` made."),
        ),
    ),
    "run.not_running": (
        (
            QT_TRANSLATE_NOOP("engine", "The run {path} is not training now; it is {status}."),
            QT_TRANSLATE_NOOP(
                "engine",
                "Continue it with `sit-engine resume {path}`; a completed run needs --epochs with a larger number.",
            ),
        ),
    ),
    "run.restored": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{file} could not be used ({why}); it is brought back from a checkpoint. {aside}",
            ),
            "",
        ),
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{file} could not be used ({why}), and no step was trained yet: the settings are worked out anew from what was chosen. {aside}",
            ),
            "",
        ),
    ),
    "run.settings_damaged": (
        (QT_TRANSLATE_NOOP("engine", "{why} A copy is {copy}."), ""),
        (QT_TRANSLATE_NOOP("engine", "{why} No checkpoint holds a copy."), ""),
    ),
    "run.settings_gone": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The settings (config.toml) of the run {path} are gone, though it was trained.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "`sit-engine repair {path}` brings them back from a checkpoint, and so does `sit-engine resume {path}`.",
            ),
        ),
    ),
    "run.too_short": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "{steps} steps are too few to learn from: {minutes} minutes (optim.minutes) would give {enough}, the least that can be judged.",
            ),
            "",
        ),
    ),
    "run.unprepared": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The run {path} is still being prepared, or was ended before it began."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Wait for it, or continue it with `sit-engine resume {path}`."
            ),
        ),
    ),
    "studio.disk": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The trainer ended because nothing more could be written to the disk."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Free some space, then resume the run; everything written before is kept."
            ),
        ),
    ),
    "studio.engine_died": (
        (
            QT_TRANSLATE_NOOP("engine", "The engine ended before it could answer."),
            QT_TRANSLATE_NOOP(
                "engine", "Try again; if it happens again, there may be too little memory."
            ),
        ),
    ),
    "studio.killed": (
        (
            QT_TRANSLATE_NOOP("engine", "The trainer was ended from outside (signal {1})."),
            QT_TRANSLATE_NOOP("engine", "What was saved is kept: resume the run."),
        ),
    ),
    "studio.trainer_failed": (
        (
            QT_TRANSLATE_NOOP("engine", "The trainer could not go on (exit code {1})."),
            QT_TRANSLATE_NOOP(
                "engine", "Copy the details and report them; what was saved is kept."
            ),
        ),
    ),
    "train.not_finite": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "Training does not stay finite: {why}, up to step {step}, though the run went back {count} times and halved the learning rate each time.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "The weights are good again, those of {good}. Lower optim.learning_rate in {path}/config.toml, then `sit-engine resume {path} --accept-changes`. {look}",
            ),
        ),
    ),
    "tune.exists": (
        (
            QT_TRANSLATE_NOOP("engine", "{out} exists already and holds no search for settings."),
            QT_TRANSLATE_NOOP("engine", "Choose another --out."),
        ),
    ),
    "tune.locked": (
        (
            QT_TRANSLATE_NOOP("engine", "Another process works on {out}."),
            QT_TRANSLATE_NOOP("engine", "Wait for it, or stop it where it runs."),
        ),
    ),
    "tune.minutes": (
        (
            QT_TRANSLATE_NOOP("engine", "The number of minutes cannot be {value}."),
            QT_TRANSLATE_NOOP("engine", "Give one above 0; 20 are usual."),
        ),
    ),
    "tune.no_labels": (
        (
            QT_TRANSLATE_NOOP(
                "engine",
                "The images of {folder} have no labels, so nothing can tell which settings suit them.",
            ),
            QT_TRANSLATE_NOOP(
                "engine",
                "Put some images of each class into sub-folders, or name them in a CSV file (--labels-file).",
            ),
        ),
    ),
    "tune.other": (
        (
            QT_TRANSLATE_NOOP(
                "engine", "The folder {out} holds a search that was asked for with other {what}."
            ),
            QT_TRANSLATE_NOOP(
                "engine", "Choose another --out, or ask for the same again to go on."
            ),
        ),
    ),
}
