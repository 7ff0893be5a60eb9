from mymonit_adapters.cli import main

main(prog_name="mymonit-adapter")
