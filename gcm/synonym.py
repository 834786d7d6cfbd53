"""Other programs have other names for our settings."""

OURS = {
    "data": ("dataset", "data_set", "datamodule"),
    "data.batch_size": ("batch", "batchsize", "bs", "train_batch_size"),
    "data.root": ("data_dir", "data_path", "data_root", "dataset_path", "dataroot", "datadir", "folder", "image_dir"),
    "data.size": ("image_size", "img_size", "imgsz", "input_size", "resize", "resolution"),
    "data.test_share": ("test_size", "test_split"),
    "data.val_size": ("val_split", "validation_split", "validation_size", "val_images", "n_val"),
    "data.workers": ("num_workers", "n_workers", "dataloader_workers", "nworkers", "threads"),
    "count": ("images", "num_images", "n_images", "num_samples", "n_samples", "samples"),
    "indices": ("index", "idx", "image", "image_index"),
    "label": ("class", "classes", "category", "class_name"),
    "metric": ("measure", "measures", "metrics"),
    "model": ("network", "net", "arch", "architecture"),
    "optimizer": ("optim", "opt"),
    "optimizer.lr": ("learning_rate", "learningrate", "base_lr", "lr0", "rate"),
    "optimizer.weight_decay": ("wd", "decay"),
    "output": ("out", "out_dir", "output_dir", "output_path", "outdir", "save_dir", "save_path", "log_dir", "logdir"),
    "resume": ("resume_from", "resume_from_checkpoint", "continue"),
    "schedule": ("scheduler", "lr_scheduler", "lr_schedule"),
    "seed": ("random_seed", "manual_seed", "rng_seed", "random_state"),
    "trainer.accelerator": ("device", "cuda", "cpu", "gpu"),
    "trainer.devices": ("gpus", "num_gpus", "n_gpus", "gpu_ids", "num_devices", "world_size"),
    "trainer.max_epochs": ("epochs", "epoch", "n_epochs", "num_epochs", "num_train_epochs", "nb_epochs", "nepochs"),
    "trainer.max_steps": ("steps", "iters", "iterations", "num_iterations", "max_iter", "max_iterations", "num_steps"),
    "trainer.precision": ("amp", "fp16", "bf16", "dtype", "half", "mixed_precision"),
    "visualizer": ("method", "methods", "explainer", "attribution", "heatmap"),
    "weights": ("checkpoint", "checkpoint_path", "ckpt", "ckpt_path", "load", "run", "model_path", "pretrained"),
}
"""Others' names of a setting, by ours."""
SYNONYMS = {other: ours for ours, others in OURS.items() for other in (*others, ours.rpartition(".")[2])}
"""The settings' full names, by others' names and by their names in their own sections."""
