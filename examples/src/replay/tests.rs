mod program;
mod readme;
mod sample;
