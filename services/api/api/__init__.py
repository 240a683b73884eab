"""The api of the insurance navigator: takes documents in, keeps them safe, tells what became of them."""
